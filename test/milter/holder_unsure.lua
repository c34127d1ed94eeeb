-- SPDX-License-Identifier: BSD-2-Clause
--
-- The holders never answer, so they may have it: the client is refused and
-- every one of them is told to forget the message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "unsure@hasty.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local line = h.logged(h.id(), { "event=refused", "error=unsure" })
	local key = line:match(" key=(%S+)")
	h.requested("abort " .. key .. " 0")
	h.requested("abort " .. key .. " 1")
	mt.disconnect(conn)
end)
