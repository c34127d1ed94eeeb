-- SPDX-License-Identifier: BSD-2-Clause
--
-- A new configuration comes while a message is at each of its stages: the
-- message keeps the one that it began with, recipients after the reload
-- included.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	for stage = 1, 5 do
		local conn = h.connect()
		local old, new = "\"open.example\"", "\"example.org\""
		if stage % 2 == 0 then
			old, new = new, old
		end
		local rcpt = "gone@" .. old:gsub("\"", "")

		h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
		for n, step in ipairs({
		    function() return mt.rcptto(conn, "<" .. rcpt .. ">") end,
		    function()
			mt.macro(conn, 84, "i", h.id(stage))
			return mt.data(conn)
		    end,
		    function() return mt.header(conn, "Subject", "test") end,
		    function() return mt.eoh(conn) end,
		    function() return mt.bodystring(conn, "one line\r\n") end,
		}) do
			if n == stage then
				h.reloaded({ { old, new } })
			end
			h.ok(step(), "stage " .. n)
		end
		h.ok(mt.eom(conn), "end of message")
		h.accepted(conn, "reload at stage " .. stage)
		h.logged(h.id(stage), { "ack=unprotected", "policy=open" })
		h.was(h.id(stage), { "<" .. rcpt .. ">" })
		mt.disconnect(conn)
	end
end)
