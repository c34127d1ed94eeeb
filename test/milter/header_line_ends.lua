-- SPDX-License-Identifier: BSD-2-Clause
--
-- Folds that come as CRLF stay that; a carriage return that ends no line stays
-- where it is.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "A", " one\r\n\ttwo" },
		{ "B", " o\rne\n two" }, { "C", " end\r" } } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" }, "A: one\r\n\ttwo\r\n" ..
	    "B: o\rne\r\n two\r\nC: end\r\r\n\r\none line\r\n")
	mt.disconnect(conn)
end)
