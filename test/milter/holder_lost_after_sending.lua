-- SPDX-License-Identifier: BSD-2-Clause
--
-- The connection to each holder breaks when all was sent: it may have the
-- message. Each is asked once more. Refused, it is told to forget it;
-- acknowledged, it is not.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "lost-100@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local refused = h.logged(h.id(1), { "event=refused", "code=451",
	    "reason=no-copy", " asked=4 ", "error=unsure" })
	mt.sleep(1.5) -- the holders are left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "lost-100@open.example" } })
	h.accepted(conn)
	local accepted = h.logged(h.id(2), { "event=acknowledged",
	    "ack=unprotected", 'peer=""', "policy=open", "reason=unsure" })
	mt.disconnect(conn)
	h.requested("abort " .. h.key(refused) .. " 0")
	h.requested("abort " .. h.key(refused) .. " 1")
	h.not_requested("abort " .. h.key(accepted))
end)
