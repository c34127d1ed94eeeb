-- SPDX-License-Identifier: BSD-2-Clause
--
-- The engine is being stopped: the message that is held gets its yes, one that
-- ends now is put off in words of its own, whatever its policy says.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local held = h.connect(nil, h.STEPS_LATE)
	local conn = h.connect()

	h.envelope(held, { id = h.id("held"),
	    rcpts = { "wait-1500@example.org" } })
	h.header(held)
	h.ok(mt.bodystring(held, "one line\r\n"), "body")
	h.end_only(held)
	h.sending(h.id("held"))
	h.begin_stopping()
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@open.example" } })
	h.refused(conn, "451", "4.3.2",
	    "The service is stopping, please try again later")
	h.logged(h.id(1), { "event=refused", "reason=stopping" })
	h.same(h.shadow(h.id(1)), nil, "shadow")
	h.same(h.answer(held), SMFIR_ACCEPT, "the one that was held")
	h.logged(h.id("held"), { "ack=shadowed" })
	h.was(h.id("held"), { "<wait-1500@example.org>" })
	mt.disconnect(held)
	mt.disconnect(conn)
end)
