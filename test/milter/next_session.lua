-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two connections at a time: each has its own message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local a, b = h.connect(), h.connect("198.51.100.20")

	h.envelope(a, { id = h.id("a"), sender = "<a@example.net>",
	    rcpts = { "ok@example.org" } })
	h.envelope(b, { id = h.id("b"), sender = "<b@example.net>",
	    rcpts = { "ok@example.org", "ok2@example.org" } })
	h.header(a, { { "X", " a" } })
	h.header(b, { { "X", " b" } })
	h.ok(mt.bodystring(a, "a\r\n"), "body")
	h.ok(mt.bodystring(b, "b\r\n"), "body")
	h.ok(mt.eom(b), "end of message")
	h.accepted(b)
	h.ok(mt.eom(a), "end of message")
	h.accepted(a)
	h.same(h.sent(h.id("a")).content, "X: a\r\n\r\na\r\n", "content")
	h.same(h.sent(h.id("b")).content, "X: b\r\n\r\nb\r\n", "content")
	h.same(#h.sent(h.id("a")).RCPT, 1, "recipients")
	h.same(#h.sent(h.id("b")).RCPT, 2, "recipients")
	mt.disconnect(a)
	mt.disconnect(b)
end)
