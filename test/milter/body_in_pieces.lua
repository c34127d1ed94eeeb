-- SPDX-License-Identifier: BSD-2-Clause
--
-- Pieces of every size, past what is kept in memory: joined without a seam.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local body = {}

	for n = 1, 40 do
		body[n] = string.rep(string.char(64 + n), n * 37) .. "\r\n"
	end
	body[41] = string.rep("x", 60000)
	body[42] = "\r\n"
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    body = body })
	h.accepted(conn)
	h.same(h.sent(h.id()).content == "Subject: test\r\n\r\n" ..
	    table.concat(body), true, "content")
	mt.disconnect(conn)
end)
