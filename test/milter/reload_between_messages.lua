-- SPDX-License-Identifier: BSD-2-Clause
--
-- A new configuration counts from the next message on, on the same connection
-- and on others.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local a, b = h.connect(), h.connect()

	h.deliver(a, { id = h.id(1), rcpts = { "gone@example.org" } })
	h.refused(a, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(1), { "policy=defaults" })
	h.reloaded({ { "\"open.example\"", "\"example.org\"" } })
	for n, conn in ipairs({ a, b }) do
		h.deliver(conn, { id = h.id("new" .. n),
		    rcpts = { "gone@example.org" } })
		h.accepted(conn, "with the new configuration")
		h.logged(h.id("new" .. n), { "ack=unprotected",
		    "policy=open" })
		h.deliver(conn, { id = h.id("former" .. n),
		    rcpts = { "gone@open.example" } })
		h.refused(conn, "451", "4.3.0", h.NO_COPY)
		h.logged(h.id("former" .. n), { "policy=defaults" })
		mt.disconnect(conn)
	end
end)
