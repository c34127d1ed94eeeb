-- SPDX-License-Identifier: BSD-2-Clause
--
-- Good and refused messages in turn on one connection: nothing of one message
-- shows in the next.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n = 1, 8 do
		local good = n % 2 == 1
		local rcpt = (good and "ok" or "gone") .. "@example.org"

		h.deliver(conn, { id = h.id(n), rcpts = { rcpt },
		    sender = "<s" .. n .. "@example.net>",
		    fields = { { "Subject", " " .. n } },
		    body = { "body " .. n .. "\r\n" } })
		if good then
			h.accepted(conn, "message " .. n)
		else
			h.refused(conn, "451", "4.3.0", h.NO_COPY)
		end
		local shadow = h.sent(h.id(n))
		h.same(shadow.MAIL, "<s" .. n .. "@example.net>", "MAIL")
		h.same(#shadow.RCPT, 1, "recipients")
		h.same(shadow.content, "Subject: " .. n .. "\r\n\r\nbody " ..
		    n .. "\r\n", "content")
	end
	mt.disconnect(conn)
end)
