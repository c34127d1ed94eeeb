-- SPDX-License-Identifier: BSD-2-Clause
--
-- The table of recipients is replaced, by a reload and by a rename alone, while a
-- message is between RCPT and its end: it keeps the table that it began with; the
-- next one has the new one.

local h = dofile(srcdir .. "/harness.lua")
local path = dump .. "/vip"

local function put(text)
	local f = assert(io.open(path .. ".new", "wb"))

	f:write(text)
	f:close()
	assert(os.rename(path .. ".new", path))
end

local function finish(conn, n)
	mt.macro(conn, 84, "i", h.id(n))
	h.ok(mt.data(conn), "DATA")
	h.expect(conn, SMFIR_CONTINUE, "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
end

h.run(function()
	local conn = h.connect()
	local other = h.connect()

	put("gone@vip.example\n")
	h.reloaded({ { "policies = (", "policies = (\n" ..
	    "{ name = \"vip\"; match = { recipient_tables = \"" .. path ..
	    "\"; };\n  acknowledge = { when_unprotected = \"accept\"; }; },"
	    } })
	h.envelope(conn, { rcpts = { "gone@vip.example" }, no_data = true })
	put("somebody@else.example\n")
	h.reloaded({})
	h.ok(mt.rcptto(conn, "<gone@vip.example>"), "RCPT")
	h.expect(conn, SMFIR_CONTINUE, "RCPT after the reload")
	h.deliver(other, { id = h.id(1), rcpts = { "gone@vip.example" } })
	h.refused(other, "451", "4.3.0", h.NO_COPY)
	h.logged(h.id(1), { "policy=defaults" })
	put("gone@vip.example\n") -- and nobody is told
	finish(conn, 2)
	h.accepted(conn, "the one in flight")
	h.logged(h.id(2), { "ack=unprotected", "policy=vip", " rcpts=2 " })
	for n = 3, 100 do
		h.deliver(other, { id = h.id(n),
		    rcpts = { "gone@vip.example" } })
		if mt.getreply(other) == SMFIR_ACCEPT then
			h.logged(h.id(n), { "policy=vip" })
			break
		end
		if n == 100 then
			error("the file that was renamed is never read")
		end
		mt.sleep(0.2)
	end
	mt.disconnect(conn)
	mt.disconnect(other)
end)
