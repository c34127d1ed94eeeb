-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two copies are wanted and the connection to one holder breaks in flight: that
-- one is asked again, has it or not, and the other's copy counts. Lost before its
-- last byte, it has none.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "ok.lost-100@two.example" } })
	h.accepted(conn, "it may have it")
	local line = h.logged(h.id(1), { "ack=short", "copies=1 ", "short=1 ",
	    " peer=mx2.example.org " })
	h.requested("amend " .. h.key(line) .. " 0 mx2.example.org\n")
	h.requested("amend " .. h.key(line) .. " 1 mx2.example.org\n")
	mt.sleep(1.5) -- the holder is left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "cut-100.ok@two.example" } })
	h.accepted(conn, "it has none")
	h.logged(h.id(2), { "ack=short", "copies=1 ",
	    " peer=mx3.example.org " })
	mt.disconnect(conn)
end)
