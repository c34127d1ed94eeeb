-- SPDX-License-Identifier: BSD-2-Clause
--
-- An earlier filter quarantines: this one, which knows the queue id and the whole
-- header and body, gets ABORT instead of the end of message. Nothing is answered,
-- nothing sent, nothing counted as accepted, and nothing told to the peers; the
-- next message of the connection is an ordinary one.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n, rcpt in ipairs({ "ok@example.org", "gone@open.example" }) do
		mt.macro(conn, SMFIC_MAIL, "i", h.id("held" .. n))
		h.envelope(conn, { id = h.id("held" .. n), rcpts = { rcpt } })
		h.header(conn)
		h.ok(mt.bodystring(conn, "one line\r\n"), "body")
		h.ok(mt.abort(conn), "abort")
	end
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@example.org" } })
	h.accepted(conn, "the next one")
	h.was(h.id(1), { "<ok@example.org>" })
	h.logged(h.id(1), { "event=acknowledged", "ack=shadowed" })
	for n = 1, 2 do
		local id = h.id("held" .. n)

		h.same(h.shadow(id), nil, "shadow of " .. id)
		h.not_logged(id, { "event=acknowledged", "event=refused" })
	end
	h.not_requested("abort ", "discard ")
	mt.disconnect(conn)
end)
