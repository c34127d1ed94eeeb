-- SPDX-License-Identifier: BSD-2-Clause
--
-- Several policies in one message: tempfail wins over accept, a wish for a
-- shadow over none, whatever the order.

local h = dofile(srcdir .. "/harness.lua")

local mixes = {
	{ { "gone@open.example", "a@example.org" }, SMFIR_REPLYCODE },
	{ { "gone@example.org", "a@open.example" }, SMFIR_REPLYCODE },
	{ { "gone@none.example", "a@open.example" }, SMFIR_ACCEPT },
	{ { "gone@none.example", "a@example.org" }, SMFIR_REPLYCODE },
	{ { "gone@example.org", "a@none.example" }, SMFIR_REPLYCODE },
}

h.run(function()
	local conn = h.connect()

	for n, mix in ipairs(mixes) do
		h.deliver(conn, { id = h.id(n), rcpts = mix[1] })
		h.expect(conn, mix[2], "mix " .. n)
		h.sent(h.id(n))
	end
	mt.disconnect(conn)
end)
