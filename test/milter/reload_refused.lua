-- SPDX-License-Identifier: BSD-2-Clause
--
-- A configuration with a mistake, or with a change that only a restart can
-- make, changes nothing: not for the message in flight, not for the next one.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id(1), rcpts = { "gone@open.example" } })
	h.header(conn)
	h.same(h.reload({ { "\"open.example\"", "\"other.example\"" },
	    { "max_headers = 20", "max_headers = \"many\"" } }),
	    "reload failed", "a mistake")
	h.complained("milter.max_headers")
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.logged(h.id(1), { "ack=unprotected", "policy=open" })
	h.same(h.reload({ { "max_headers = \"many\"", "max_headers = 20" },
	    { "mx1.example.org", "mx9.example.org" } }), "reload failed",
	    "a change of the node's name")
	h.deliver(conn, { id = h.id(2), rcpts = { "gone@open.example" } })
	h.accepted(conn)
	h.logged(h.id(2), { "ack=unprotected", "policy=open" })
	h.reloaded({ { "mx9.example.org", "mx1.example.org" } })
	h.deliver(conn, { id = h.id(3), rcpts = { "gone@open.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	mt.disconnect(conn)
end)
