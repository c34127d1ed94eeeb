-- SPDX-License-Identifier: BSD-2-Clause
--
-- Relays of our own are not told to send a message in two, nor is whoever comes
-- by a service for submission; with the network taken away they are strangers.

local h = dofile(srcdir .. "/harness.lua")

local function conflict(address, daemon)
	local conn = mt.connect(sock, 40, 0.05)

	h.ok(mt.negotiate(conn, nil, nil, nil), "negotiate")
	mt.macro(conn, SMFIC_CONNECT, "{daemon_name}", daemon or "smtpd")
	h.ok(mt.conninfo(conn, "client.example.net", address), "connect")
	h.ok(mt.helo(conn, "client.example.net"), "HELO")
	h.envelope(conn, { rcpts = { "ok@tokyo.example" }, no_data = true })
	h.ok(mt.rcptto(conn, "<ok@osaka.example>"), "RCPT")
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	h.same(conflict("203.0.113.9"), SMFIR_REPLYCODE, "a stranger")
	h.same(conflict("203.0.113.9", "submission"), SMFIR_CONTINUE,
	    "a service for submission")
	h.same(conflict("127.0.0.9"), SMFIR_CONTINUE, "loopback")
	h.reloaded({ { "max_held = 400;", "max_held = 400;\n\town_networks = " ..
	    "( \"203.0.113.0/24\", \"2001:db8:8000::/33\" );" } })
	h.same(conflict("203.0.113.9"), SMFIR_CONTINUE, "a relay")
	h.same(conflict("2001:db8:8000::9"), SMFIR_CONTINUE, "a relay, IPv6")
	h.same(conflict("2001:db8::9"), SMFIR_REPLYCODE, "not a relay, IPv6")
	h.reloaded({ { "\"203.0.113.0/24\", \"2001", "\"2001" } })
	h.same(conflict("203.0.113.9"), SMFIR_REPLYCODE, "not any more")
end)
