-- SPDX-License-Identifier: BSD-2-Clause
--
-- Addresses in UTF-8, kept byte for byte; the policy is found by them too.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), sender = "<s\xc3\xb6m@example.net>",
	    mail = { "SMTPUTF8" }, rcpts = { "ok+\xc3\xa9@open.example" } })
	h.accepted(conn)
	local shadow = h.sent(h.id())
	if shadow.MAIL:find("SMTPUTF8", 1, true) == nil then
		error("SMTPUTF8 is missing in " .. shadow.MAIL)
	end
	h.logged(h.id(), { "policy=open" })
	mt.disconnect(conn)
end)
