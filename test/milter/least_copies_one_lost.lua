-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two copies are the least, and one holder is lost in flight: refused, and both
-- are told to forget it, the lost one too since it may have it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "ok.lost-100@both.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local line = h.logged(h.id(1), { "event=refused", "copies=1 ",
	    "reason=no-copy", "policy=both" })
	h.requested("abort " .. h.key(line) .. " 0\n")
	h.requested("abort " .. h.key(line) .. " 1\n")
	mt.disconnect(conn)
end)
