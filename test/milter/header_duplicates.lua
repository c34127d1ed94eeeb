-- SPDX-License-Identifier: BSD-2-Clause
--
-- The same field several times, in other letters too, among others: all of
-- them, in their order.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "Received", " a" }, { "X", " 1" },
		{ "Received", " b" }, { "RECEIVED", " c" }, { "X", " 1" },
		{ "received", " a" } } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" }, "Received: a\r\nX: 1\r\n" ..
	    "Received: b\r\nRECEIVED: c\r\nX: 1\r\nreceived: a\r\n\r\n" ..
	    "one line\r\n")
	mt.disconnect(conn)
end)
