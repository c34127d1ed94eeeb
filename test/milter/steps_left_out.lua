-- SPDX-License-Identifier: BSD-2-Clause
--
-- An MTA that can leave out the end of the header leaves it out, and DATA where
-- every policy asks for a copy: the shadow is whole all the same.

local h = dofile(srcdir .. "/harness.lua")

local function message(conn, id, with_data, body)
	h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
	h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
	mt.macro(conn, 84, "i", id)
	if with_data then
		h.ok(mt.data(conn), "DATA")
		h.expect(conn, SMFIR_CONTINUE, "DATA")
	end
	h.ok(mt.header(conn, "Subject", "test"), "header")
	h.ok(mt.bodystring(conn, body), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.same(h.sent(id).content, "Subject: test\r\n\r\n" .. body, "content")
end

local function offered(conn, step, name, want)
	h.same(mt.test_option(conn, step), want, name .. " asked for")
end

h.run(function()
	local conn = h.connect(nil, h.EVERYTHING)

	offered(conn, SMFIP_NOEOH, "no end of the header", true)
	offered(conn, SMFIP_NODATA, "no DATA", false)
	message(conn, h.id(1), true, "one line\r\n")
	mt.disconnect(conn)

	h.reloaded({ { "when = ()", 'when = ("shadowed")' },
	    { "when = ()", 'when = ("shadowed")' },
	    { "when = ()", 'when = ("shadowed")' } })
	conn = h.connect(nil, h.EVERYTHING)
	offered(conn, SMFIP_NODATA, "no DATA", true)
	message(conn, h.id(2), false, "one line\r\n")
	message(conn, h.id(3), false, "\r\n\r\n")
	mt.disconnect(conn)
end)
