-- SPDX-License-Identifier: BSD-2-Clause
--
-- No holder takes the message and the policy says tempfail: the exact words.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "refuse@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(), { "event=refused", "code=451", "reason=no-copy",
	    "policy=defaults" })
	h.deliver(conn, { id = h.id(2), rcpts = { "full@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	mt.disconnect(conn)
end)
