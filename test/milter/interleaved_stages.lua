-- SPDX-License-Identifier: BSD-2-Clause
--
-- Three connections, in step: MAIL on each, RCPT on each, and so on, with
-- policies that differ. None of them has anything of another.

local h = dofile(srcdir .. "/harness.lua")

local wanted = {
	{ "ok@example.org", SMFIR_ACCEPT, "defaults" },
	{ "gone@open.example", SMFIR_ACCEPT, "open" },
	{ "gone@example.com", SMFIR_REPLYCODE, "defaults" },
}

local steps = {
	function(c, m) return mt.mailfrom(c, "<s" .. m .. "@example.net>",
	    "ENVID=" .. m) end,
	function(c, m) return mt.rcptto(c, "<" .. wanted[m][1] .. ">") end,
	function(c, m) return mt.rcptto(c, "<r" .. m ..
	    wanted[m][1]:match("@.*") .. ">", "ORCPT=rfc822;" .. m) end,
	function(c, m)
		mt.macro(c, 84, "i", h.id(m))
		return mt.data(c)
	end,
	function(c, m) return mt.header(c, "X", tostring(m)) end,
	function(c) return mt.eoh(c) end,
	function(c, m) return mt.bodystring(c, "body " .. m .. "\r\n") end,
	function(c, m) return mt.bodystring(c, "end " .. m .. "\r\n") end,
	function(c) return mt.eom(c) end,
}

h.run(function()
	local conns = {}

	for n = 1, #wanted do
		conns[n] = h.connect("192.0.2." .. n)
	end
	for n, step in ipairs(steps) do
		for m = 1, #wanted do
			h.ok(step(conns[m], m), "step " .. n)
		end
	end
	for m, w in ipairs(wanted) do
		h.expect(conns[m], w[2], "end of message " .. m)
		h.logged(h.id(m), { " rcpts=2 ", "policy=" .. w[3] })
		local shadow = h.envelope_was(h.id(m), {
		    MAIL = "<s" .. m .. "@example.net> ENVID=" .. m,
		    RCPT = { "<" .. w[1] .. ">", "<r" .. m ..
			w[1]:match("@.*") .. "> ORCPT=rfc822;" .. m },
		    CLIENT = "NAME=client.example.net ADDR=192.0.2." .. m ..
			" HELO=client.example.net PROTO=ESMTP DAEMON=smtpd" })
		h.same(shadow.content, "X: " .. m .. "\r\n\r\nbody " .. m ..
		    "\r\nend " .. m .. "\r\n", "content")
		mt.disconnect(conns[m])
	end
end)
