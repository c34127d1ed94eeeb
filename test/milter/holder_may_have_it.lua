-- SPDX-License-Identifier: BSD-2-Clause
--
-- A holder that may have the copy, and another one that has: both hear of the
-- set that counts.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "lost-50.ok@example.org" } })
	h.accepted(conn)
	local line = h.logged(h.id(), { "ack=shadowed",
	    " peer=mx3.example.org copies=1 " })
	h.holders(h.id(), 0, "mx2.example.org")
	h.holders(h.id(), 1, "mx3.example.org")
	h.requested("amend " .. h.key(line) .. " 0 mx3.example.org\n")
	h.requested("amend " .. h.key(line) .. " 1 mx3.example.org\n")
	mt.disconnect(conn)
end)
