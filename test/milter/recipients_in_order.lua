-- SPDX-License-Identifier: BSD-2-Clause
--
-- Recipients stay in the order in which they came, and one that came twice
-- came twice.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org",
	    "z@example.org", "a@Example.ORG", "z@example.org", "" } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>", "<z@example.org>",
	    "<a@Example.ORG>", "<z@example.org>", "<>" })
	h.logged(h.id(), { " rcpts=5 " })
	mt.disconnect(conn)
end)
