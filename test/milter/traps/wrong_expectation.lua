-- SPDX-License-Identifier: BSD-2-Clause
--
-- The reply is another one.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
end)
