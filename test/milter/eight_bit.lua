-- SPDX-License-Identifier: BSD-2-Clause
--
-- Bytes above 127 in header and body, in no particular encoding.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local all = {}

	for b = 1, 255 do
		if b ~= 10 and b ~= 13 then
			table.insert(all, string.char(b))
		end
	end
	local bytes = table.concat(all)
	h.deliver(conn, { id = h.id(), mail = { "BODY=8BITMIME" },
	    rcpts = { "ok@example.org" },
	    fields = { { "Subject", " gr\xfc\xdfe \xc3\xb6" } },
	    body = { bytes .. "\r\n" } })
	h.accepted(conn)
	h.same(h.sent(h.id()).content,
	    "Subject: gr\xfc\xdfe \xc3\xb6\r\n\r\n" .. bytes .. "\r\n",
	    "content")
	mt.disconnect(conn)
end)
