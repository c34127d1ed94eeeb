-- SPDX-License-Identifier: BSD-2-Clause
--
-- One MTA process goes away during its hold; the other's message, held at the
-- same time for the same holders, gets its yes.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local gone = h.connect()
	local other = h.connect(nil, h.STEPS_LATE)

	for conn, id in pairs({ [gone] = "gone", [other] = "other" }) do
		h.envelope(conn, { id = h.id(id),
		    rcpts = { id == "gone" and "unsure@example.org" or
			"wait-2500@example.org" } })
		h.header(conn)
		h.ok(mt.bodystring(conn, id .. "\r\n"), "body")
		h.end_only(conn)
	end
	h.sending(h.id("gone"))
	mt.disconnect(gone, false)
	h.same(h.answer(other), SMFIR_ACCEPT, "answer")
	h.held(h.logged(h.id("other"), { "ack=shadowed" }), 2500, 9000)
	h.was(h.id("other"), { "<wait-2500@example.org>" },
	    "Subject: test\r\n\r\nother\r\n")
	local line = h.logged(h.id("gone"), { "event=refused",
	    "reason=mta-gave-up" })
	h.requested("abort " .. h.key(line))
	mt.disconnect(other)
end)
