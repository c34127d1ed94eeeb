-- SPDX-License-Identifier: BSD-2-Clause
--
-- The first holder says nothing: it has only its share of the time, and the
-- second takes the message within max_delay.

local h = dofile(srcdir .. "/harness.lua")

local before = '"hasty.example" ); };\n\t  acknowledge = { max_delay = "'

h.run(function()
	local conn = h.connect()

	h.reloaded({ { before .. "1s", before .. "4s" } })
	h.deliver(conn, { id = h.id(), rcpts = { "unsure.ok@hasty.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(), { "ack=shadowed",
	    " peer=mx3.example.org " }), 2000, 4000)
	h.was(h.id(), { "<unsure.ok@hasty.example>" })
	mt.disconnect(conn)
end)
