-- SPDX-License-Identifier: BSD-2-Clause
--
-- Bodies of nothing but empty lines: none of them is missing, and none is
-- taken for the one behind the header.

local h = dofile(srcdir .. "/harness.lua")

local bodies = { { "\r\n" }, { "\r\n\r\n" }, { "\r\n", "\r\n" },
	{ "\r\n\r\n", "\r\n" } }

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
