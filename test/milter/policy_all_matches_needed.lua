-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy with a domain, a network, a country and a login asks for all four;
-- three of them are not enough.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address, rcpt, macros)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { rcpt }, macros = macros })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

local login = { "{auth_type}", "PLAIN", "{auth_authen}", "joe" }

h.run(function()
	h.same(ask(1, "192.0.2.7", "gone@all.example", login), SMFIR_ACCEPT,
	    "all four")
	h.logged(h.id(1), { "policy=all-of-it" })
	h.same(ask(2, "192.0.2.7", "gone@example.org", login),
	    SMFIR_REPLYCODE, "another domain")
	h.same(ask(3, "192.0.2.200", "gone@all.example", login),
	    SMFIR_REPLYCODE, "another network")
	h.same(ask(4, "192.0.2.7", "gone@all.example"), SMFIR_REPLYCODE,
	    "no login")
	h.reloaded({ { "client_countries = ( \"JP\" ); authenticated",
	    "client_countries = ( \"DE\" ); authenticated" } })
	h.same(ask(5, "192.0.2.7", "gone@all.example", login),
	    SMFIR_REPLYCODE, "another country")
	for n = 2, 5 do
		h.logged(h.id(n), { "reason=no-copy", "policy=defaults" })
	end
end)
