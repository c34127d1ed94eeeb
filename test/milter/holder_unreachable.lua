-- SPDX-License-Identifier: BSD-2-Clause
--
-- No holder can be reached: nothing was sent, and nobody is told to forget
-- anything.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "down@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local refused = h.logged(h.id(1), { "event=refused", "code=451",
	    "reason=no-copy", "error=unreachable" })
	mt.sleep(1.5) -- the holders are left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "down@open.example" } })
	h.accepted(conn)
	local accepted = h.logged(h.id(2), { "event=acknowledged",
	    "ack=unprotected", 'peer=""', "policy=open", "reason=unreachable" })
	mt.disconnect(conn)
	h.not_requested(h.key(refused), "abort " .. h.key(accepted))
end)
