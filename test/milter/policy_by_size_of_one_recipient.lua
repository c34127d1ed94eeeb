-- SPDX-License-Identifier: BSD-2-Clause
--
-- One recipient's policy depends on the size, the other's does not: at the end of
-- message the stricter of what holds then decides for both.

local h = dofile(srcdir .. "/harness.lua")
local both = { "gone@open.example", "gone2@light.example" }

h.run(function()
	local conn = h.connect()

	h.reloaded({ { "policies = (", "policies = (\n" ..
	    "{ name = \"light\"; match = { domains = \"light.example\";\n" ..
	    "  max_size = \"1K\"; };\n" ..
	    "  acknowledge = { when_unprotected = \"accept\"; }; }," } })
	h.deliver(conn, { id = h.id(1), rcpts = both })
	h.accepted(conn, "small")
	h.logged(h.id(1), { "ack=unprotected", " rcpts=2 " })
	h.deliver(conn, { id = h.id(2), rcpts = both,
	    body = { string.rep("x", 2000) } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(2), { "event=refused", "reason=no-copy" })
	h.deliver(conn, { id = h.id(3), rcpts = { both[1] },
	    body = { string.rep("x", 2000) } })
	h.accepted(conn, "large, without the second")
	mt.disconnect(conn)
end)
