-- SPDX-License-Identifier: BSD-2-Clause
--
-- A domain's policy holds for its subdomains, and for no domain that only ends
-- in the same letters.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "gone@open.example" } })
	h.accepted(conn, "the domain")
	h.deliver(conn, { id = h.id(2), rcpts = { "gone@A.Open.Example" } })
	h.accepted(conn, "a subdomain")
	h.deliver(conn, { id = h.id(3), rcpts = { "gone@notopen.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	mt.disconnect(conn)
end)
