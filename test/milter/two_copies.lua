-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy asks for two copies: both holders are asked at once, each is told of
-- the other, and the answer waits for the slower one.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(),
	    rcpts = { "wait-300.wait-600@two.example" } })
	h.accepted(conn)
	local line = h.logged(h.id(), { "ack=shadowed", "copies=2 ",
	    " peer=mx2.example.org,mx3.example.org " })
	h.held(line, 600, 1900)
	for peer = 0, 1 do
		h.holders(h.id(), peer, "mx2.example.org mx3.example.org")
	end
	h.not_requested("amend " .. h.key(line))
	mt.disconnect(conn)
end)
