-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two recipients whose copies may be at different sites only cannot share a
-- message: a stranger is told 452 for the second and sends it in another one. A
-- client of this host itself is not; no holder is left, and the policy decides.

local h = dofile(srcdir .. "/harness.lua")

local function rcpt(conn, to, want)
	h.ok(mt.rcptto(conn, "<" .. to .. ">"), "RCPT")
	h.expect(conn, want, to)
end

local function finish(conn, n)
	mt.macro(conn, 84, "i", h.id(n))
	h.ok(mt.data(conn), "DATA")
	h.expect(conn, SMFIR_CONTINUE, "DATA")
	h.header(conn)
	h.ok(mt.eom(conn), "end of message")
end

h.run(function()
	local conn = h.connect("203.0.113.9")

	h.envelope(conn, { rcpts = { "ok@tokyo.example" }, no_data = true })
	rcpt(conn, "ok@osaka.example", SMFIR_REPLYCODE)
	rcpt(conn, "ok2@tokyo.example", SMFIR_CONTINUE)
	finish(conn, 1)
	h.accepted(conn)
	h.same(#h.sent(h.id(1)).RCPT, 2, "recipients")
	h.logged(h.id(1), { "peer=mx2.example.org" })
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@osaka.example" } })
	h.accepted(conn)
	h.logged(h.id(2), { "peer=mx3.example.org" })
	mt.disconnect(conn)

	conn = h.connect("127.0.0.1")
	h.envelope(conn, { rcpts = { "ok@tokyo.example" }, no_data = true })
	rcpt(conn, "ok@osaka.example", SMFIR_CONTINUE)
	finish(conn, 3)
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(3), { "event=refused", "reason=policies-conflict" })
	mt.disconnect(conn)
end)
