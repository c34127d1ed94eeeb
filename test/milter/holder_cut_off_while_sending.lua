-- SPDX-License-Identifier: BSD-2-Clause
--
-- The connection to each holder breaks before the last byte was sent: it has
-- nothing, and is asked again as long as it may be back.

local h = dofile(srcdir .. "/harness.lua")

-- At the deadline the last try may be under way: what came of that one nobody
-- knows, and it is asked to forget the message.
local function is_unsure(line, word)
	if line:find(word .. "unsure", 1, true) ~= nil then
		return true
	end
	assert(line:find(word .. "unreachable", 1, true) ~= nil, line)
	return false
end

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "cut-100@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local refused = h.logged(h.id(1), { "event=refused", "code=451",
	    "reason=no-copy" })
	local unsure = is_unsure(refused, "error=")
	mt.sleep(1.5) -- the holders are left alone for a while
	h.deliver(conn, { id = h.id(2), rcpts = { "cut-100@open.example" } })
	h.accepted(conn)
	local accepted = h.logged(h.id(2), { "event=acknowledged",
	    "ack=unprotected", 'peer=""', "policy=open" })
	is_unsure(accepted, "reason=")
	mt.disconnect(conn)
	if not unsure then
		h.not_requested(h.key(refused))
	end
	h.not_requested("abort " .. h.key(accepted))
end)
