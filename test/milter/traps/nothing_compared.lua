-- SPDX-License-Identifier: BSD-2-Clause
--
-- The steps of a message, and a look at no reply.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	mt.mailfrom(conn, "<sender@example.net>")
	mt.rcptto(conn, "<ok@example.org>")
	mt.disconnect(conn)
end)
