-- SPDX-License-Identifier: BSD-2-Clause
--
-- The MTA ends the connection at each stage, with QUIT and without: no shadow
-- of any of it, and a new connection is served.

local h = dofile(srcdir .. "/harness.lua")

local stages = {
	function(c) return mt.conninfo(c, "old.example", "192.0.2.8") end,
	function(c) return mt.helo(c, "old.example") end,
	function(c) return mt.mailfrom(c, "<old@example.net>") end,
	function(c) return mt.rcptto(c, "<old@example.org>") end,
	function(c)
		mt.macro(c, 84, "i", h.id("old"))
		return mt.data(c)
	end,
	function(c) return mt.header(c, "X-Old", "old") end,
	function(c) return mt.eoh(c) end,
	function(c) return mt.bodystring(c, string.rep("old", 9000)) end,
}

h.run(function()
	for _, polite in ipairs({ true, false }) do
		for last = 0, #stages do
			local conn = mt.connect(sock, 40, 0.05)
			h.ok(mt.negotiate(conn, nil, h.STEPS, nil), "negotiate")
			for n = 1, last do
				h.ok(stages[n](conn), "stage " .. n)
			end
			mt.disconnect(conn, polite)
		end
	end
	local conn = h.connect()
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" })
	h.same(h.shadow(h.id("old")), nil, "shadow of a message cut off")
	mt.disconnect(conn)
end)
