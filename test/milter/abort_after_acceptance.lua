-- SPDX-License-Identifier: BSD-2-Clause
--
-- Postfix says ABORT, twice, when a message is over: that takes nothing back.
-- The holders are not told to forget what was acknowledged.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.ok(mt.abort(conn), "abort")
	h.ok(mt.abort(conn), "abort")
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@example.org" },
	    body = { "second\r\n" } })
	h.accepted(conn)
	h.ok(mt.abort(conn), "abort")
	h.was(h.id(1), { "<ok@example.org>" })
	h.was(h.id(2), { "<ok@example.org>" },
	    "Subject: test\r\n\r\nsecond\r\n")
	mt.disconnect(conn)
	h.not_requested(
	    h.key(h.logged(h.id(1), { "event=acknowledged" })),
	    h.key(h.logged(h.id(2), { "event=acknowledged" })))
end)
