-- SPDX-License-Identifier: BSD-2-Clause
--
-- Folds come with a bare line feed and leave with CRLF; the white space behind
-- them is kept.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" },
	    fields = { { "References", " <a@x>\n\t<b@x>\n  <c@x>" },
		{ "X-Late", " \n late" } } })
	h.accepted(conn)
	h.same(h.sent(h.id()).content,
	    "References: <a@x>\r\n\t<b@x>\r\n  <c@x>\r\n" ..
	    "X-Late: \r\n late\r\n\r\none line\r\n", "content")
	mt.disconnect(conn)
end)
