-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for authenticated clients: the login of one message does not count
-- for the next.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "gone@login.example" },
	    macros = { "{auth_type}", "PLAIN", "{auth_authen}", "joe" } })
	h.accepted(conn, "with login")
	h.logged(h.id(1), { "policy=login" })
	local client = h.sent(h.id(1)).CLIENT
	if not client:find("PROTO=ESMTPA", 1, true) or
	    not client:find("AUTH=PLAIN", 1, true) or
	    not client:find("LOGIN=joe", 1, true) then
		error("the login is missing in: " .. client)
	end
	h.deliver(conn, { id = h.id(2), rcpts = { "gone@login.example" },
	    macros = { "{mail_addr}", "sender@example.net" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	mt.disconnect(conn)
end)
