-- SPDX-License-Identifier: BSD-2-Clause
--
-- TLS and login of this message make the protocol's name (RFC 3848); the one
-- before it does not count.

local h = dofile(srcdir .. "/harness.lua")

local cases = {
	{ { "{tls_version}", "TLSv1.3" }, "PROTO=ESMTPS" },
	{ { "{tls_version}", "TLSv1.3", "{auth_type}", "PLAIN",
	    "{auth_authen}", "j o+e" },
	    "PROTO=ESMTPSA AUTH=PLAIN LOGIN=j+20o+2Be" },
	{ { "{auth_type}", "CRAM-MD5", "{auth_authen}", "joe" },
	    "PROTO=ESMTPA AUTH=CRAM-MD5 LOGIN=joe" },
	{ { "{mail_addr}", "sender@example.net" }, "PROTO=ESMTP" },
}

h.run(function()
	local conn = h.connect()

	for n, case in ipairs(cases) do
		h.deliver(conn, { id = h.id(n), rcpts = { "ok@example.org" },
		    macros = case[1] })
		h.accepted(conn)
		h.envelope_was(h.id(n), { RCPT = { "<ok@example.org>" },
		    CLIENT = "NAME=client.example.net ADDR=192.0.2.7 " ..
		    "HELO=client.example.net " .. case[2] .. " DAEMON=smtpd" })
	end
	mt.disconnect(conn)
end)
