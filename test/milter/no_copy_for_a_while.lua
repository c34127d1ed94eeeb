-- SPDX-License-Identifier: BSD-2-Clause
--
-- Refuse for the first three seconds of trouble, then accept; a copy ends the
-- trouble, and the next one begins anew.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local began = os.time()
	local n = 0

	local function try(rcpt)
		n = n + 1
		h.deliver(conn, { id = h.id(n), rcpts = { rcpt } })
		return mt.getreply(conn)
	end

	h.same(try("full@while.example"), SMFIR_REPLYCODE, "at first")
	h.logged(h.id(1), { "event=refused", "reason=no-copy",
	    "policy=while" })
	while try("full@while.example") ~= SMFIR_ACCEPT do
		if os.time() - began > 30 then
			error("refused for ever")
		end
		mt.sleep(0.2)
	end
	if os.time() - began < 2 then
		error("accepted too early")
	end
	h.logged(h.id(n), { "ack=unprotected", "trouble_ms=" })
	repeat -- a holder that was full is left alone for a while
		if os.time() - began > 45 then
			error("unprotected for ever")
		end
		mt.sleep(0.2)
		h.same(try("ok@while.example"), SMFIR_ACCEPT, "with a holder")
	until h.logged(h.id(n), { "ack=" }):find("ack=shadowed", 1, true)
	h.same(try("full@while.example"), SMFIR_REPLYCODE, "new trouble")
	mt.disconnect(conn)
end)
