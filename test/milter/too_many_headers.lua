-- SPDX-License-Identifier: BSD-2-Clause
--
-- One header field over the limit: refused for good at the end of message, and
-- nobody was asked.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local fields = {}

	for n = 1, 20 do
		fields[n] = { "X-N", " " .. n }
	end
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@example.org" },
	    fields = fields })
	h.accepted(conn, "as many as allowed")
	fields[21] = { "X-N", " 21" }
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@open.example" },
	    fields = fields })
	h.refused(conn, "552", "5.3.4", "Too many header fields")
	h.same(h.shadow(h.id(2)), nil, "shadow")
	h.logged(h.id(2), { "event=refused", "reason=header-fields" })
	mt.disconnect(conn)
end)
