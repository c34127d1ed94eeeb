-- SPDX-License-Identifier: BSD-2-Clause
--
-- The MTA goes away and the holder answers before that could be seen: as the
-- MTA may have committed the message, it counts as acknowledged and the holder
-- keeps it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id(), rcpts = { "wait-600@example.org" } })
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.end_only(conn)
	h.sending(h.id())
	mt.disconnect(conn, false)
	local line = h.logged(h.id(), { "event=acknowledged", "ack=shadowed" })
	h.was(h.id(), { "<wait-600@example.org>" })
	h.not_requested("abort " .. h.key(line))
end)
