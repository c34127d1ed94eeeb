-- SPDX-License-Identifier: BSD-2-Clause
--
-- One connection, a message aborted at each stage in turn, each with a policy,
-- a login and a queue id of its own: none of it is left for the message at the
-- end.

local h = dofile(srcdir .. "/harness.lua")

local stages = {
	function(c) return mt.mailfrom(c, "<old@example.net>", "SIZE=1") end,
	function(c) return mt.rcptto(c, "<old@open.example>") end,
	function(c) return mt.rcptto(c, "<old@none.example>") end,
	function(c) return mt.data(c) end,
	function(c) return mt.header(c, "X-Old", "old") end,
	function(c) return mt.eoh(c) end,
	function(c) return mt.bodystring(c, string.rep("old", 9000)) end,
}

h.run(function()
	local conn = h.connect()

	for last = 1, #stages do
		mt.macro(conn, SMFIC_MAIL, "i", h.id("old"), "{auth_type}",
		    "PLAIN", "{auth_authen}", "old", "{tls_version}", "TLSv1.3")
		for n = 1, last do
			h.ok(stages[n](conn), "stage " .. n)
		end
		h.ok(mt.abort(conn), "abort")
	end
	h.deliver(conn, { id = h.id(), rcpts = { "gone@login.example" },
	    macros = { "{mail_addr}", "sender@example.net" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(), { " rcpts=1 ", "policy=defaults" })
	h.was(h.id(), { "<gone@login.example>" })
	h.envelope_was(h.id(), { RCPT = { "<gone@login.example>" },
	    CLIENT = "NAME=client.example.net ADDR=192.0.2.7 " ..
	    "HELO=client.example.net PROTO=ESMTP DAEMON=smtpd" })
	h.same(h.shadow(h.id("old")), nil, "shadow of the aborted message")
	mt.disconnect(conn)
end)
