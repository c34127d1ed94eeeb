-- SPDX-License-Identifier: BSD-2-Clause
--
-- Every parameter of MAIL and RCPT arrives as it was said.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), sender = "<sender@example.net>",
	    mail = { "SIZE=1000", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS",
		"ENVID=env-id1" },
	    rcpts = { "ok@example.org" },
	    rcpt_params = { "NOTIFY=SUCCESS,FAILURE",
		"ORCPT=rfc822;orig@z.example" } })
	h.accepted(conn)
	local shadow = h.sent(h.id())
	h.same(shadow.MAIL, "<sender@example.net> SIZE=1000 BODY=8BITMIME " ..
	    "SMTPUTF8 RET=HDRS ENVID=env-id1", "MAIL")
	h.same(shadow.RCPT[1], "<ok@example.org> NOTIFY=SUCCESS,FAILURE " ..
	    "ORCPT=rfc822;orig@z.example", "RCPT")
	mt.disconnect(conn)
end)
