-- SPDX-License-Identifier: BSD-2-Clause
--
-- Who the client was goes with the shadow: name, address, port, HELO, listener.

local h = dofile(srcdir .. "/harness.lua")

local function client(n, address)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	mt.disconnect(conn)
	return h.sent(h.id(n)).CLIENT
end

h.run(function()
	local four = client(1, "192.0.2.7")
	for _, word in ipairs({ "NAME=client.example.net", "ADDR=192.0.2.7",
	    "PORT=", "HELO=client.example.net", "PROTO=ESMTP",
	    "DAEMON=smtpd" }) do
		if not four:find(word, 1, true) then
			error(word .. " is missing in: " .. four)
		end
	end
	local six = client(2, "2001:db8::7")
	if not six:find("ADDR=2001:db8::7", 1, true) then
		error("the address is missing in: " .. six)
	end
end)
