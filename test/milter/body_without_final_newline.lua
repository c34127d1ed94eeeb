-- SPDX-License-Identifier: BSD-2-Clause
--
-- Bodies that end anywhere: nothing is added.

local h = dofile(srcdir .. "/harness.lua")

local bodies = { { "x" }, { "one\r\ntwo" }, { "one\r" }, { "one\n" },
	{ "one\r\n", "two" }, { " " } }

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
