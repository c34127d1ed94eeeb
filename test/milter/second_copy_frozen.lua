-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two copies are wanted and one holder is frozen: it is waited for to the end of
-- max_delay, not longer, and the copy that is there counts.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok.unsure@two.example" } })
	h.accepted(conn)
	local line = h.logged(h.id(), { "ack=short", "copies=1 ", "short=1 ",
	    " peer=mx2.example.org " })
	h.held(line, 1990, 20000)
	h.requested("amend " .. h.key(line) .. " 0 mx2.example.org\n")
	h.requested("amend " .. h.key(line) .. " 1 mx2.example.org\n")
	mt.disconnect(conn)
end)
