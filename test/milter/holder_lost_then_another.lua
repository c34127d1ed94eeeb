-- SPDX-License-Identifier: BSD-2-Clause
--
-- The first holder is lost in flight, the second takes the message: protected,
-- by the second. The first may have it as well and is not told to forget what
-- was acknowledged.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "lost-300.ok@example.org" } })
	h.accepted(conn)
	local line = h.logged(h.id(), { "ack=shadowed",
	    " peer=mx3.example.org " })
	h.held(line, 300, 5000)
	h.was(h.id(), { "<lost-300.ok@example.org>" })
	mt.disconnect(conn)
	h.not_requested("abort " .. h.key(line))
end)
