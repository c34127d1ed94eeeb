-- SPDX-License-Identifier: BSD-2-Clause
--
-- Lines of dots: dot-stuffing is between two SMTP hosts, and neither done nor
-- undone here.

local h = dofile(srcdir .. "/harness.lua")

local bodies = { { ".\r\n" }, { "..\r\n" }, { "a\r\n.\r\nb\r\n" },
	{ ".a\r\n..b\r\n...\r\n" }, { "a\r\n", ".", "\r\n" },
	{ "a\r\n.\r\n", ".\r\nMAIL FROM:<x@y>\r\n" }, { "." } }

h.run(function()
	local conn = h.connect()

	for n, body in ipairs(bodies) do
		h.deliver(conn, { id = h.id(n), rcpts = { "ok@example.org" },
		    body = body })
		h.accepted(conn)
		h.was(h.id(n), { "<ok@example.org>" },
		    "Subject: test\r\n\r\n" .. table.concat(body))
	end
	mt.disconnect(conn)
end)
