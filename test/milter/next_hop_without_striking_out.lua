-- SPDX-License-Identifier: BSD-2-Clause
--
-- An MTA that cannot strike recipients out: nobody is delivered to.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect(nil, nil, 0x1ff - SMFIF_DELRCPT)

	h.deliver(conn, { id = h.id(), rcpts = { "a@yes.example" } })
	h.accepted(conn)
	h.was(h.id(), { "<a@yes.example>" })
	h.logged(h.id(), { "ack=shadowed" })
	mt.disconnect(conn)
end)
