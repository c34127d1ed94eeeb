-- SPDX-License-Identifier: BSD-2-Clause
--
-- CR and LF alone, doubled and the wrong way round: the same bytes.

local h = dofile(srcdir .. "/harness.lua")

local bodies = { { "\r" }, { "\n" }, { "a\nb\rc\r\nd\n\re\r\r\nf\n\n\r\r" },
	{ "\n.\n" }, { "\r.\r" }, { "\n\r\n\r" } }

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
