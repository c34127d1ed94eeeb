-- SPDX-License-Identifier: BSD-2-Clause
--
-- Addresses and original recipients in UTF-8, and some that are not even that:
-- the same bytes.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(),
	    sender = "<s\xc3\xb6m@\xe4\xbe\x8b.example>",
	    mail = { "SMTPUTF8", "BODY=8BITMIME", "ENVID=\xc3\xa9" },
	    rcpts = { "ok@\xe4\xbe\x8b.example", "\xff\xfe@example.org" },
	    rcpt_params = { "ORCPT=utf-8;\xd1\x8f@example.org" } })
	h.accepted(conn)
	h.envelope_was(h.id(), {
	    MAIL = "<s\xc3\xb6m@\xe4\xbe\x8b.example> SMTPUTF8 " ..
		"BODY=8BITMIME ENVID=\xc3\xa9",
	    RCPT = { "<ok@\xe4\xbe\x8b.example> " ..
		"ORCPT=utf-8;\xd1\x8f@example.org",
		"<\xff\xfe@example.org> ORCPT=utf-8;\xd1\x8f@example.org" } })
	mt.disconnect(conn)
end)
