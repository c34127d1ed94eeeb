-- SPDX-License-Identifier: BSD-2-Clause
--
-- A mistake in a function, before the first reply.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	mt.no_such_step(conn)
	h.accepted(conn)
end)
