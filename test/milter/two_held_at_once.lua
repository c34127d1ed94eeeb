-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two connections wait at the same time, the first longer: each gets its own
-- verdict, the second one first.

local h = dofile(srcdir .. "/harness.lua")

local function start(conn, word, rcpt)
	h.envelope(conn, { id = h.id(word), rcpts = { rcpt } })
	h.header(conn, { { "X", " " .. word } })
	h.ok(mt.bodystring(conn, word .. "\r\n"), "body")
	h.end_only(conn)
end

h.run(function()
	local slow = h.connect(nil, h.STEPS_LATE)
	local quick = h.connect("192.0.2.8", h.STEPS_LATE)
	local refused = h.connect("192.0.2.9")

	start(slow, "slow", "wait-6000@example.org")
	start(quick, "quick", "wait-700@example.org")
	h.deliver(refused, { id = h.id("refused"),
	    rcpts = { "gone@example.org" } })
	h.refused(refused, "451", "4.3.0", h.NO_COPY)
	h.same(h.answer(quick), SMFIR_ACCEPT, "the second")
	h.held(h.logged(h.id("quick"), { "ack=shadowed" }), 700, 6000)
	h.same(h.answer(slow), SMFIR_ACCEPT, "the first")
	h.held(h.logged(h.id("slow"), { "ack=shadowed" }), 6000, 30000)
	h.was(h.id("slow"), { "<wait-6000@example.org>" },
	    "X: slow\r\n\r\nslow\r\n")
	h.was(h.id("quick"), { "<wait-700@example.org>" },
	    "X: quick\r\n\r\nquick\r\n")
	for _, conn in ipairs({ slow, quick, refused }) do
		mt.disconnect(conn)
	end
end)
