-- SPDX-License-Identifier: BSD-2-Clause
--
-- "user@" is a mailbox name in every domain; "@domain" is the domain without
-- its subdomains. Neither looks at upper and lower case.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local want = {
		{ "postmaster@example.org", "postmaster" },
		{ "PostMaster@Sub.Example.Org", "postmaster" },
		{ "postmasters@example.org", "defaults" },
		{ "postmaster@", "postmaster" },
		{ "someone@exact.example", "exactly" },
		{ "someone@EXACT.example", "exactly" },
		{ "someone@sub.exact.example", "defaults" },
		{ "someone@inexact.example", "defaults" },
	}

	for n, w in ipairs(want) do
		h.deliver(conn, { id = h.id(n), rcpts = { w[1] } })
		h.accepted(conn, w[1])
		h.logged(h.id(n), { "ack=shadowed", "policy=" .. w[2] })
		h.was(h.id(n), { "<" .. w[1] .. ">" })
	end
	mt.disconnect(conn)
end)
