-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for messages of a certain size holds from exactly the one bound to
-- exactly the other, header included, and for no others. A message that needs no
-- shadow whatever its size still ends at DATA.

local h = dofile(srcdir .. "/harness.lua")

-- "Subject: test" CRLF, CRLF: 17 bytes before the body.
local function body(bytes)
	return { string.rep("x", bytes - 17) }
end

local function ask(conn, n, bytes)
	h.deliver(conn, { id = h.id(n), rcpts = { "gone@size.example" },
	    body = body(bytes) })
	return h.logged(h.id(n), { " size=" .. bytes .. " " }):match(
	    "policy=(%S+)")
end

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(0), rcpts = { "ok@size.example" },
	    body = body(2048) })
	h.accepted(conn)
	h.logged(h.id(0), { "policy=defaults" })
	h.reloaded({ { "policies = (", "policies = (\n" ..
	    "{ name = \"large\"; match = { domains = \"size.example\";\n" ..
	    "  min_size = \"2K\"; max_size = \"3K\"; };\n" ..
	    "  acknowledge = { when_unprotected = \"accept\"; }; }," } })
	h.same(ask(conn, 1, 2047), "defaults", "one byte less")
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.same(ask(conn, 2, 2048), "large", "the least")
	h.accepted(conn)
	h.same(ask(conn, 3, 3072), "large", "the most")
	h.accepted(conn)
	h.same(ask(conn, 4, 3073), "defaults", "one byte more")
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.envelope(conn, { id = h.id(5), rcpts = { "ok@none.example" },
	    at_data = SMFIR_ACCEPT })
	h.logged(h.id(5), { "ack=unasked", "policy=none" })
	mt.disconnect(conn)
end)
