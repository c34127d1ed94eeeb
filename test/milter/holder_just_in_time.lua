-- SPDX-License-Identifier: BSD-2-Clause
--
-- An answer shortly before max_delay is in time; one shortly after it is not,
-- and that holder is told to forget the message.

local h = dofile(srcdir .. "/harness.lua")

local before = '"hasty.example" ); };\n\t  acknowledge = { max_delay = "'

h.run(function()
	local conn = h.connect()

	h.reloaded({ { before .. "1s", before .. "6s" } })
	h.deliver(conn, { id = h.id(1),
	    rcpts = { "unsure.wait-1600@hasty.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(1), { "ack=shadowed",
	    " peer=mx3.example.org " }), 4600, 6000)
	mt.sleep(1.5)
	h.deliver(conn, { id = h.id(2), rcpts = { "wait-9000@hasty.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	local line = h.logged(h.id(2), { "reason=no-copy", "error=unsure" })
	h.held(line, 6000, 9000)
	h.requested("abort " .. h.key(line) .. " 0")
	h.requested("abort " .. h.key(line) .. " 1")
	mt.disconnect(conn)
end)
