-- SPDX-License-Identifier: BSD-2-Clause
--
-- A new configuration comes while a message waits for its holder: neither its
-- time nor its verdict changes; the next message has the new ones.

local h = dofile(srcdir .. "/harness.lua")

local before =
    '"hasty-open.example" ); };\n\t  acknowledge = { max_delay = "'

h.run(function()
	local conn = h.connect(nil, h.STEPS_LATE)
	local other = h.connect()

	h.envelope(conn, { id = h.id(1),
	    rcpts = { "unsure@hasty-open.example" } })
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.end_only(conn)
	h.sending(h.id(1))
	h.reloaded({ { before .. '1s"; when_unprotected = "accept"',
	    before .. '5s"; when_unprotected = "tempfail"' } })
	h.same(h.answer(conn), SMFIR_ACCEPT, "answer")
	h.held(h.logged(h.id(1), { "ack=unprotected", "policy=hasty-open" }),
	    1000, 4000)
	h.deliver(other, { id = h.id(2),
	    rcpts = { "gone@hasty-open.example" } })
	h.refused(other, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(2), { "event=refused", "policy=hasty-open" })
	mt.disconnect(conn)
	mt.disconnect(other)
end)
