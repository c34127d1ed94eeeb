-- SPDX-License-Identifier: BSD-2-Clause
--
-- Messages of exactly what is kept in memory, a byte less and a byte more, and
-- what comes in one piece or in two across that border.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local limit = 16384 - 17 -- of suite.conf, without the header

	for n, size in ipairs({ limit - 1, limit, limit + 1, 2 * limit }) do
		local body = string.rep("0123456789abcde", 3000):sub(1, size)
		for cut, pieces in ipairs({ { body }, { body:sub(1, limit - 9),
		    body:sub(limit - 8) }, { body:sub(1, 1), body:sub(2) } }) do
			local id = h.id(n .. "." .. cut)
			h.deliver(conn, { id = id, body = pieces,
			    rcpts = { "ok@example.org" } })
			h.accepted(conn)
			h.was(id, { "<ok@example.org>" },
			    "Subject: test\r\n\r\n" .. body)
		end
	end
	mt.disconnect(conn)
end)
