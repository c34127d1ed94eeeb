-- SPDX-License-Identifier: BSD-2-Clause
--
-- A message of exactly max_message is taken, one byte more is refused for good
-- at the end, whatever the policy says; the next one is whole.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.reloaded({ { "max_message = \"4M\"", "max_message = \"4K\"" } })
	local body = string.rep("x", 4096 - 17)
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@example.org" },
	    body = { body } })
	h.accepted(conn, "at the limit")
	h.was(h.id(1), { "<ok@example.org>" }, "Subject: test\r\n\r\n" .. body)
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@open.example" },
	    body = { body, "x", string.rep("y", 5000) } })
	h.refused(conn, "552", "5.3.4", "The message is too large")
	h.logged(h.id(2), { "event=refused", "code=552",
	    "reason=message-size", " size=9097 " })
	h.same(h.shadow(h.id(2)), nil, "shadow")
	h.deliver(conn, { id = h.id(3), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.was(h.id(3), { "<ok@example.org>" })
	mt.disconnect(conn)
end)
