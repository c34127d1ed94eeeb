-- SPDX-License-Identifier: BSD-2-Clause
--
-- The queue id comes at a single stage, a different one for each message of
-- the connection: each is found.

local h = dofile(srcdir .. "/harness.lua")

local stages = {
	{ SMFIC_MAIL, function(c) return mt.mailfrom(c,
	    "<sender@example.net>") end },
	{ SMFIC_RCPT, function(c) return mt.rcptto(c, "<ok@example.org>") end },
	{ 84, function(c) return mt.data(c) end },
	{ 78, function(c)
		h.ok(mt.header(c, "Subject", "test"), "header")
		return mt.eoh(c)
	end },
	{ 69, function(c, n)
		h.ok(mt.bodystring(c, n .. "\r\n"), "body")
		return mt.eom(c)
	end },
}

h.run(function()
	local conn = h.connect()

	for at = 1, #stages do
		for n, stage in ipairs(stages) do
			if n == at then
				mt.macro(conn, stage[1], "i", h.id(at))
			end
			h.ok(stage[2](conn, at), "stage " .. n)
		end
		h.accepted(conn, "queue id at stage " .. at)
		h.was(h.id(at), { "<ok@example.org>" },
		    "Subject: test\r\n\r\n" .. at .. "\r\n")
		h.logged(h.id(at), { "ack=shadowed", " rcpts=1 " })
	end
	h.same(h.shadow("none"), nil, "shadow without a queue id")
	mt.disconnect(conn)
end)
