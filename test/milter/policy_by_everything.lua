-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy of table, domain, network, country, system, login and size: all seven
-- hold, or it is not this policy. Which one it is stands at the end of message.

local h = dofile(srcdir .. "/harness.lua")
local path = dump .. "/table"
local login = { "{auth_type}", "PLAIN", "{auth_authen}", "joe" }

local match = [[
{ name = "everything"; match = { recipient_tables = "PATH";
  domains = "seven.example"; client_networks = "192.0.2.0/25";
  client_countries = "JP"; client_asns = 64496; authenticated = true;
  min_size = "1K"; max_size = "4K"; };
  acknowledge = { when_unprotected = "accept"; }; },]]

local function ask(n, m)
	local conn = h.connect(m.address or "192.0.2.7")

	h.deliver(conn, { id = h.id(n), macros = not m.guest and login or nil,
	    rcpts = { m.rcpt or "gone@seven.example" },
	    body = { string.rep("x", m.bytes or 2000) } })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply, h.logged(h.id(n), { " rcpts=1 " }):match("policy=(%S+)")
end

h.run(function()
	local f = assert(io.open(path, "wb"))
	local new = match:gsub("PATH", path)

	f:write("gone@seven.example\ngone@eight.example\n")
	f:close()
	h.reloaded({ { "policies = (", "policies = (\n" .. new } })
	for n, m in ipairs({
	    { "all seven", "everything" },
	    { "not in the table", rcpt = "gone+2@seven.example" },
	    { "another domain", rcpt = "gone@eight.example" },
	    { "another network", address = "192.0.2.200" },
	    { "no login", guest = true },
	    { "too small", bytes = 900 },
	    { "too large", bytes = 5000 },
	}) do
		local reply, policy = ask(n, m)

		h.same(policy, m[2] or "defaults", m[1])
		h.same(reply, m[2] and SMFIR_ACCEPT or SMFIR_REPLYCODE, m[1])
	end
	h.reloaded({ { "client_countries = \"JP\"", "client_countries = \"DE\"" } })
	h.same(select(2, ask(11, {})), "defaults", "another country")
	h.reloaded({ { "client_countries = \"DE\"", "client_countries = \"JP\"" },
	    { "client_asns = 64496", "client_asns = 64511" } })
	h.same(select(2, ask(12, {})), "defaults", "another system")
	h.reloaded({ { "client_asns = 64511", "client_asns = 64496" } })
	h.same(select(2, ask(13, {})), "everything", "all seven again")
end)
