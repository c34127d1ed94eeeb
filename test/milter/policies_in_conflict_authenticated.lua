-- SPDX-License-Identifier: BSD-2-Clause
--
-- A client that has authenticated itself is not told to send a message in two,
-- even when the policies of its recipients cannot hold together: no holder is
-- left, and the policy decides. The same client without a login is.

local h = dofile(srcdir .. "/harness.lua")

local function rcpt(conn, to, want)
	h.ok(mt.rcptto(conn, "<" .. to .. ">"), "RCPT")
	h.expect(conn, want, to)
end

h.run(function()
	local conn = h.connect("203.0.113.9")

	h.envelope(conn, { rcpts = { "ok@tokyo.example" }, no_data = true,
	    macros = { "{auth_type}", "PLAIN", "{auth_authen}", "joe" } })
	rcpt(conn, "ok@osaka.example", SMFIR_CONTINUE)
	mt.macro(conn, 84, "i", h.id(1))
	h.ok(mt.data(conn), "DATA")
	h.expect(conn, SMFIR_CONTINUE, "DATA")
	h.header(conn)
	h.ok(mt.eom(conn), "end of message")
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.same(h.shadow(h.id(1)), nil, "shadow")
	h.envelope(conn, { rcpts = { "ok@tokyo.example" }, no_data = true,
	    macros = { "{mail_addr}", "sender@example.net" } })
	rcpt(conn, "ok@osaka.example", SMFIR_REPLYCODE)
	mt.disconnect(conn)
end)
