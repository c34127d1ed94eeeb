-- SPDX-License-Identifier: BSD-2-Clause
--
-- Both holders refuse the message for good: to the client that is no reason
-- for more than "later".

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "refuse@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local refused = h.logged(h.id(1), { "event=refused", "code=451",
	    "reason=no-copy", " asked=2 ", "error=refused" })
	mt.sleep(1.5) -- the holders are left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "refuse@open.example" } })
	h.accepted(conn)
	local accepted = h.logged(h.id(2), { "event=acknowledged",
	    "ack=unprotected", 'peer=""', "policy=open", "reason=refused" })
	mt.disconnect(conn)
	h.not_requested(h.key(refused), "abort " .. h.key(accepted))
end)
