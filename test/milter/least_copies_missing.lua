-- SPDX-License-Identifier: BSD-2-Clause
--
-- Fewer copies than the least that the policy asks for: refused, and the holder
-- that has one is told so.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok.refuse@both.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local line = h.logged(h.id(), { "event=refused", "copies=1 ",
	    "reason=no-copy", "policy=both" })
	h.requested("abort " .. h.key(line) .. " 0\n")
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@both.example" } })
	h.accepted(conn)
	h.logged(h.id(2), { "ack=shadowed", "copies=2 " })
	mt.disconnect(conn)
end)
