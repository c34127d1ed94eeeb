-- SPDX-License-Identifier: BSD-2-Clause
--
-- Both holders say that the key is finished, which cannot be of a new message:
-- that is no copy.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "gone@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local refused = h.logged(h.id(1), { "event=refused", "code=451",
	    "reason=no-copy", " asked=2 ", "error=gone" })
	mt.sleep(1.5) -- the holders are left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "gone@open.example" } })
	h.accepted(conn)
	local accepted = h.logged(h.id(2), { "event=acknowledged",
	    "ack=unprotected", 'peer=""', "policy=open", "reason=gone" })
	mt.disconnect(conn)
	h.not_requested(h.key(refused), "abort " .. h.key(accepted))
end)
