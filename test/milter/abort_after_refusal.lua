-- SPDX-License-Identifier: BSD-2-Clause
--
-- ABORT behind a refused message: the next one is judged on its own.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n = 1, 3 do
		h.deliver(conn, { id = h.id("no" .. n),
		    rcpts = { "refuse@example.org", "old@example.org" } })
		h.refused(conn, "451", "4.3.0", h.NO_COPY)
		h.ok(mt.abort(conn), "abort")
		h.deliver(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
		h.accepted(conn)
		h.was(h.id(n), { "<ok@example.org>" })
	end
	mt.disconnect(conn)
end)
