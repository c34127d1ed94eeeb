-- SPDX-License-Identifier: BSD-2-Clause
--
-- 1,000 header fields: kept byte for byte and in their order when that many are
-- allowed; one more is refused for good, and the connection goes on.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn, fields, text = nil, {}, {}

	for n = 1, 1000 do
		fields[n] = { "X-Number-" .. n, " value " .. n }
		text[n] = "X-Number-" .. n .. ": value " .. n .. "\r\n"
	end
	h.reloaded({ { "max_headers = 20;", "max_headers = 1000;" },
	    { "max_header = \"32K\";", "max_header = \"128K\";" } })
	conn = h.connect()
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@example.org" },
	    fields = fields })
	h.accepted(conn)
	h.same(h.sent(h.id(1)).content, table.concat(text) ..
	    "\r\none line\r\n", "content")
	fields[1001] = { "X-Number-1001", " value" }
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@example.org" },
	    fields = fields })
	h.refused(conn, "552", "5.3.4", "Too many header fields")
	h.same(h.shadow(h.id(2)), nil, "shadow")
	h.deliver(conn, { id = h.id(3), rcpts = { "ok@example.org" } })
	h.accepted(conn, "and on")
	mt.disconnect(conn)
end)
