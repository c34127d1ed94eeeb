-- SPDX-License-Identifier: BSD-2-Clause
--
-- The MTA cuts its pieces between CR and LF, around dots, and byte by byte:
-- joined, they are the same body.

local h = dofile(srcdir .. "/harness.lua")

local bodies = {
	{ "one\r", "\ntwo\r", "\n" },
	{ "\r", "\n", "\r", "\n" },
	{ "one\r\n", ".", "\r", "\n", "two" },
	{ "one\r", "\r\n" },
	{ "\n", "\r" },
}
local single = {}
for c in ("one line\r\n.\r\nanother\r\n\r\n"):gmatch(".") do
	table.insert(single, c)
end
table.insert(bodies, single)

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
