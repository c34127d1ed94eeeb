-- SPDX-License-Identifier: BSD-2-Clause
--
-- RSET before any MAIL, several times: nothing is there to forget, and the
-- next message is whole.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n = 1, 3 do
		h.ok(mt.abort(conn), "abort")
	end
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" })
	mt.disconnect(conn)
end)
