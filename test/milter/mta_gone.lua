-- SPDX-License-Identifier: BSD-2-Clause
--
-- The MTA goes away while it waits: the message is aborted at the holders, not
-- acknowledged.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id(), rcpts = { "unsure@open.example" } })
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	mt.set_timeout(0)
	mt.eom(conn)
	h.sending(h.id())
	mt.disconnect(conn, false)
	mt.set_timeout(10)
	local line = h.logged(h.id(), { "event=refused",
	    "reason=mta-gave-up" })
	h.requested("abort " .. line:match(" key=(%S+)") .. " 0")
end)
