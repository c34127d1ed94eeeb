-- SPDX-License-Identifier: BSD-2-Clause
--
-- An MTA that knows nothing of stages without an answer gets one at each.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect(nil, SMFIP_HDR_LEADSPC)

	h.expect(conn, SMFIR_CONTINUE, "HELO")
	for n = 1, 2 do
		h.envelope(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
		h.ok(mt.header(conn, "Subject", "test"), "header")
		h.expect(conn, SMFIR_CONTINUE, "header")
		h.ok(mt.eoh(conn), "end of header")
		h.expect(conn, SMFIR_CONTINUE, "end of header")
		h.ok(mt.bodystring(conn, "one line\r\n"), "body")
		h.expect(conn, SMFIR_CONTINUE, "body")
		h.ok(mt.eom(conn), "end of message")
		h.accepted(conn)
		h.same(h.sent(h.id(n)).content, h.content, "content")
	end
	mt.disconnect(conn)
end)
