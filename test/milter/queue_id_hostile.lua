-- SPDX-License-Identifier: BSD-2-Clause
--
-- What is no queue id is not taken for one, so that it never becomes part of a
-- path or of a log line; the one before it stays.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local bad = { "../up", "a b", "a\nb", "\xc3\xa9", "", string.rep("A",
	    300) }

	for n, id in ipairs(bad) do
		h.envelope(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
		h.header(conn)
		h.ok(mt.bodystring(conn, n .. "\r\n"), "body")
		mt.macro(conn, 69, "i", id)
		h.ok(mt.eom(conn), "end of message")
		h.accepted(conn)
		h.was(h.id(n), { "<ok@example.org>" },
		    "Subject: test\r\n\r\n" .. n .. "\r\n")
		h.logged(h.id(n), { "ack=shadowed" })
	end
	h.deliver(conn, { id = "../up", rcpts = { "ok@nameless.example" } })
	h.accepted(conn)
	h.was("none", { "<ok@nameless.example>" })
	mt.disconnect(conn)
end)
