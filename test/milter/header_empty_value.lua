-- SPDX-License-Identifier: BSD-2-Clause
--
-- Fields with nothing, a space or only white space behind the colon.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "X-Space", " " }, { "X-Two", "  " },
		{ "X-Tab", " \t" }, { "Subject", " test" } } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" }, "X-Space: \r\nX-Two:  \r\n" ..
	    "X-Tab: \t\r\nSubject: test\r\n\r\none line\r\n")
	mt.disconnect(conn)
end)
