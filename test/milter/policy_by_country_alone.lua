-- SPDX-License-Identifier: BSD-2-Clause
--
-- A country without a domain decides for every recipient of its clients, and
-- at DATA already when it asks for nothing.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect("2001:db8:8000::7")

	h.envelope(conn, { id = h.id(1), at_data = SMFIR_ACCEPT,
	    rcpts = { "gone@example.org" } })
	h.logged(h.id(1), { "ack=unasked", "policy=sweden" })
	h.same(h.shadow(h.id(1)), nil, "shadow")
	mt.disconnect(conn)
	conn = h.connect("2001:db8::7")
	h.deliver(conn, { id = h.id(2), rcpts = { "gone@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(2), { "policy=defaults" })
	mt.disconnect(conn)
end)
