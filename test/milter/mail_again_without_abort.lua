-- SPDX-License-Identifier: BSD-2-Clause
--
-- A second MAIL with no ABORT before it begins another message; nothing is
-- left of the first.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id("old"), sender = "<old@example.net>",
	    no_data = true, rcpts = { "old@open.example" } })
	h.deliver(conn, { id = h.id(), rcpts = { "gone@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.was(h.id(), { "<gone@example.org>" })
	h.same(h.shadow(h.id("old")), nil, "shadow of the first")
	mt.disconnect(conn)
end)
