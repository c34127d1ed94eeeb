-- SPDX-License-Identifier: BSD-2-Clause
--
-- One recipient's policy allows a second, the other's ten: the message waits
-- one, whichever comes first.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1),
	    rcpts = { "unsure@example.org", "a@hasty.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.held(h.logged(h.id(1), { "reason=no-copy", " rcpts=2 " }), 1000, 5000)
	mt.sleep(1.5)
	h.deliver(conn, { id = h.id(2),
	    rcpts = { "unsure@hasty-open.example", "a@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.held(h.logged(h.id(2), { "reason=no-copy", " rcpts=2 ",
	    "policy=defaults" }), 1000, 5000)
	mt.disconnect(conn)
end)
