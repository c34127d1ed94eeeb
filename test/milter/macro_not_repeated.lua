-- SPDX-License-Identifier: BSD-2-Clause
--
-- The second message has no queue id: it must not be given the first one's.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    body = { "first\r\n" } })
	h.accepted(conn)
	h.deliver(conn, { rcpts = { "ok@example.org" },
	    body = { "second\r\n" } })
	h.accepted(conn)
	h.same(h.sent(h.id()).content, "Subject: test\r\n\r\nfirst\r\n",
	    "content under the first queue id")
	mt.disconnect(conn)
end)
