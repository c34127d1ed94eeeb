-- SPDX-License-Identifier: BSD-2-Clause
--
-- Names of all characters that RFC 5322 allows, and some that it does not.

local h = dofile(srcdir .. "/harness.lua")

local allowed = ""
for c = 33, 126 do
	if c ~= 58 then
		allowed = allowed .. string.char(c)
	end
end

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { allowed, " a" }, { "X ", " b" },
		{ "\xc3\xb6\xff", " c" }, { ";", " d" } } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" }, allowed ..
	    ": a\r\nX : b\r\n\xc3\xb6\xff: c\r\n;: d\r\n\r\none line\r\n")
	mt.disconnect(conn)
end)
