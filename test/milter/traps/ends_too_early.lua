-- SPDX-License-Identifier: BSD-2-Clause
--
-- miltertest ends here, with success.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { rcpts = { "ok@example.org" }, no_data = true })
	os.exit(0)
end)
