-- SPDX-License-Identifier: BSD-2-Clause
--
-- A hundred folds, with tab and with spaces, some of them with nothing behind:
-- every one becomes CRLF and nothing else changes.

local h = dofile(srcdir .. "/harness.lua")

local folds = { "first" }
for n = 1, 100 do
	folds[n + 1] = (n % 3 == 0 and "\t" or string.rep(" ", n % 4 + 1)) ..
	    (n % 10 == 0 and "" or "<" .. n .. ">")
end

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "References", " " .. table.concat(folds, "\n") },
		{ "X-After", " a" } } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" }, "References: " ..
	    table.concat(folds, "\r\n") .. "\r\nX-After: a\r\n\r\n" ..
	    "one line\r\n")
	mt.disconnect(conn)
end)
