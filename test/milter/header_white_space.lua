-- SPDX-License-Identifier: BSD-2-Clause
--
-- Tabs and spaces, at the beginning, between and at the end of a value: as
-- they were.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "A", "   three" }, { "B", " \ttab\tand  two  " },
		{ "C", "  \t \t x \t" } } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" },
	    "A:   three\r\nB: \ttab\tand  two  \r\n" ..
	    "C:  \t \t x \t\r\n\r\none line\r\n")
	mt.disconnect(conn)
end)
