-- SPDX-License-Identifier: BSD-2-Clause
--
-- No holder takes the message and the policy says accept: acknowledged, and
-- called what it is.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "gone@open.example" } })
	h.accepted(conn)
	h.logged(h.id(), { "event=acknowledged", "ack=unprotected",
	    'peer=""', "policy=open" })
	mt.disconnect(conn)
end)
