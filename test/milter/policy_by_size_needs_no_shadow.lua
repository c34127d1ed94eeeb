-- SPDX-License-Identifier: BSD-2-Clause
--
-- Small messages get no shadow, and that is known at the end of message only: DATA
-- is not the end of them, and no peer is asked.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.reloaded({ { "policies = (", "policies = (\n" ..
	    "{ name = \"tiny\"; match = { domains = \"tiny.example\";\n" ..
	    "  max_size = \"1K\"; }; acknowledge = { when = (); }; }," } })
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@tiny.example" } })
	h.accepted(conn, "small")
	h.logged(h.id(1), { "ack=unasked", "policy=tiny" })
	h.same(h.shadow(h.id(1)), nil, "shadow of the small one")
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@tiny.example" },
	    body = { string.rep("x", 2000) } })
	h.accepted(conn, "large")
	h.logged(h.id(2), { "ack=shadowed", "policy=defaults" })
	h.same(#h.sent(h.id(2)).RCPT, 1, "recipients")
	mt.disconnect(conn)
end)
