-- SPDX-License-Identifier: BSD-2-Clause
--
-- A recipient whose policy asks for no shadow is in the shadow that another
-- one asks for: a takeover has to serve both.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@none.example",
	    "b@example.org", "c@none.example" } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@none.example>", "<b@example.org>",
	    "<c@none.example>" })
	h.logged(h.id(), { "ack=shadowed", " rcpts=3 ", "policy=defaults" })
	mt.disconnect(conn)
end)
