-- SPDX-License-Identifier: BSD-2-Clause
--
-- NUL bytes at the beginning, in the middle and at the end.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n, body in ipairs({ "\0", "\0\0one\0line\r\n\0",
	    string.rep("\0", 40000) .. "\r\n" }) do
		h.envelope(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
		h.header(conn)
		h.ok(mt.bodyfile(conn, h.file(body)), "body")
		h.ok(mt.eom(conn), "end of message")
		h.accepted(conn)
		h.was(h.id(n), { "<ok@example.org>" },
		    "Subject: test\r\n\r\n" .. body)
		h.logged(h.id(n), { " size=" .. 17 + #body .. " " })
	end
	mt.disconnect(conn)
end)
