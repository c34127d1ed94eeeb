-- SPDX-License-Identifier: BSD-2-Clause
--
-- A function that nobody calls.

local h = dofile(srcdir .. "/harness.lua")

local function main()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
end
