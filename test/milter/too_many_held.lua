-- SPDX-License-Identifier: BSD-2-Clause
--
-- As many messages are held as may be: one more is refused in words of its
-- own, or acknowledged unprotected where the policy accepts that; nobody is
-- asked for it. Room comes back.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local held = h.connect(nil, h.STEPS_LATE)
	local conn = h.connect()

	h.reloaded({ { "max_held = 400", "max_held = 1" } })
	h.envelope(held, { id = h.id("held"),
	    rcpts = { "wait-2000@example.org" } })
	h.header(held)
	h.ok(mt.bodystring(held, "one line\r\n"), "body")
	h.end_only(held)
	h.sending(h.id("held"))
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@example.org" } })
	h.refused(conn, "451", "4.3.2",
	    "Too many messages are open, please try again later")
	h.logged(h.id(1), { "event=refused", "reason=busy", " asked=0 " })
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@open.example" } })
	h.accepted(conn)
	h.logged(h.id(2), { "ack=unprotected", "reason=nobody-asked" })
	h.same(h.shadow(h.id(1)) or h.shadow(h.id(2)), nil, "shadow")
	h.same(h.answer(held), SMFIR_ACCEPT, "the one that was held")
	h.logged(h.id("held"), { "ack=shadowed" })
	h.deliver(conn, { id = h.id(3), rcpts = { "ok@example.org" } })
	h.accepted(conn, "when there is room again")
	h.was(h.id(3), { "<ok@example.org>" })
	mt.disconnect(held)
	mt.disconnect(conn)
end)
