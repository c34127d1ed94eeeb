-- SPDX-License-Identifier: BSD-2-Clause
--
-- An MTA that keeps the leading space to itself: one is put back.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect(nil, SMFIP_NR_HDR)

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "A", " b" } } })
	h.accepted(conn)
	h.same(h.sent(h.id()).content, "A: b\r\n\r\none line\r\n", "content")
	mt.disconnect(conn)
end)
