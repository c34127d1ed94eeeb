-- SPDX-License-Identifier: BSD-2-Clause
--
-- Accepted, refused, unprotected, not asked for and aborted, each after each
-- other one on one connection: verdict, shadow and log line are always of this
-- message.

local h = dofile(srcdir .. "/harness.lua")

local kinds = { "shadowed", "refused", "unprotected", "unasked", "aborted" }

local function check(conn, id, kind, rcpts, n)
	if kind == "refused" then
		h.refused(conn, "451", "4.3.0", h.NO_COPY)
		h.logged(id, { "event=refused", "reason=no-copy", " rcpts=2 ",
		    "policy=defaults" })
	else
		h.accepted(conn, kind)
		h.logged(id, { "event=acknowledged", "ack=" .. kind,
		    " rcpts=2 " })
	end
	local shadow = h.envelope_was(id, { MAIL = "<s" .. n ..
	    "@example.net> ENVID=" .. n, RCPT = rcpts })
	h.same(shadow.content, "Subject: " .. n .. "\r\n\r\nbody " .. n ..
	    "\r\n", "content")
end

local domains = { shadowed = "ok@example.org", refused = "gone@example.org",
	unprotected = "gone@open.example", unasked = "a@none.example",
	aborted = "old@open.example" }

local function one(conn, n, kind)
	local id = h.id(n)
	local rcpts = { domains[kind], n .. domains[kind]:match("@.*") }
	local m = { id = id, sender = "<s" .. n .. "@example.net>",
	    mail = { "ENVID=" .. n }, rcpts = rcpts,
	    fields = { { "Subject", " " .. n } },
	    body = { "body " .. n .. "\r\n" } }

	if kind == "unasked" then
		m.at_data = SMFIR_ACCEPT
		h.envelope(conn, m)
		h.logged(id, { "ack=unasked", " rcpts=2 ", "policy=none" })
	elseif kind == "aborted" then
		h.envelope(conn, m)
		h.header(conn, m.fields)
		h.ok(mt.bodystring(conn, m.body[1]), "body")
		h.ok(mt.abort(conn), "abort")
	else
		h.deliver(conn, m)
		check(conn, id, kind, { "<" .. rcpts[1] .. ">",
		    "<" .. rcpts[2] .. ">" }, n)
		return
	end
	h.same(h.shadow(id), nil, "shadow")
end

h.run(function()
	local conn = h.connect()
	local n = 0

	for _, a in ipairs(kinds) do
		for _, b in ipairs(kinds) do
			n = n + 1
			one(conn, "a" .. n, a)
			one(conn, "b" .. n, b)
		end
	end
	mt.disconnect(conn)
end)
