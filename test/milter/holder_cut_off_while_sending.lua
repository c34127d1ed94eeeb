-- SPDX-License-Identifier: BSD-2-Clause
--
-- The connection to each holder breaks before the last byte was sent: it has
-- nothing, and is asked again as long as it may be back.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "cut-100@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	-- At the deadline the last try may be under way: what came of that one
	-- nobody knows, and it is asked to forget the message.
	local refused = h.logged(h.id(1), { "event=refused", "code=451",
	    "reason=no-copy" })
	local unsure = refused:find("error=unsure", 1, true) ~= nil
	assert(unsure or refused:find("error=unreachable", 1, true) ~= nil,
	    refused)
	mt.sleep(1.5) -- the holders are left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "cut-100@open.example" } })
	h.accepted(conn)
	local accepted = h.logged(h.id(2), { "event=acknowledged",
	    "ack=unprotected", 'peer=""', "policy=open", "reason=unreachable" })
	mt.disconnect(conn)
	if not unsure then
		h.not_requested(h.key(refused))
	end
	h.not_requested("abort " .. h.key(accepted))
end)
