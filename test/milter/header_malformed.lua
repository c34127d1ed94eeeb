-- SPDX-License-Identifier: BSD-2-Clause
--
-- A name with a colon or a line break cannot be written again: refused for good
-- at the end of message, nobody is asked, and the next message is good.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n, name in ipairs({ "a:b", "a\nb", "a\rb" }) do
		h.deliver(conn, { id = h.id(n), rcpts = { "ok@open.example" },
		    fields = { { "Subject", " test" }, { name, " x" } } })
		h.refused(conn, "554", "5.6.0", "A header field is malformed")
		h.logged(h.id(n), { "event=refused", "code=554",
		    "reason=malformed" })
		h.same(h.shadow(h.id(n)), nil, "shadow")
		h.deliver(conn, { id = h.id("good" .. n),
		    rcpts = { "ok@example.org" } })
		h.accepted(conn)
		h.was(h.id("good" .. n), { "<ok@example.org>" })
	end
	mt.disconnect(conn)
end)
