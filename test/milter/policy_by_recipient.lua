-- SPDX-License-Identifier: BSD-2-Clause
--
-- One mailbox of a domain has a policy of its own.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "gone@pick.example" } })
	h.accepted(conn, "the mailbox that was named")
	h.logged(h.id(1), { "policy=mailbox" })
	h.deliver(conn, { id = h.id(2), rcpts = { "full@pick.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(2), { "policy=defaults" })
	mt.disconnect(conn)
end)
