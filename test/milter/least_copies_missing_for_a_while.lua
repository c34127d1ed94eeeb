-- SPDX-License-Identifier: BSD-2-Clause
--
-- Fewer copies than the least: refused for two seconds of trouble, then accepted
-- with the one there is, and counted as short.

local h = dofile(srcdir .. "/harness.lua")
local policy = "min_copies = 2; max_delay = \"2s\";\n\t    when_unprotected = "

h.run(function()
	local conn = h.connect()
	local began = os.time()
	local n = 0

	local function try()
		n = n + 1
		h.deliver(conn, { id = h.id(n),
		    rcpts = { "ok.refuse@both-open.example" } })
		return mt.getreply(conn)
	end

	h.reloaded({ { policy .. "\"accept\"", policy ..
	    "( \"tempfail\", \"2s\", \"accept\" )" } })
	h.same(try(), SMFIR_REPLYCODE, "at first")
	h.logged(h.id(1), { "event=refused", "copies=1 ", "policy=both-open" })
	while try() ~= SMFIR_ACCEPT do
		if os.time() - began > 30 then
			error("refused for ever")
		end
		mt.sleep(0.2)
	end
	if os.time() - began < 1 then
		error("accepted too early")
	end
	h.logged(h.id(n), { "ack=short", "copies=1 ", "short=1 " })
	mt.disconnect(conn)
end)
