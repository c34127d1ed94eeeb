-- SPDX-License-Identifier: BSD-2-Clause
--
-- examples/foreign-milter.c: somebody else's milter that shadows.  Its holder
-- is another one like it, over the real link and store; -D peer= is that one's
-- process.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect(nil, SMFIP_HDR_LEADSPC)

	-- The two may still be on their way to each other.
	local reply
	for n = 1, 20 do
		h.deliver(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
		reply = mt.getreply(conn)
		if reply == SMFIR_ACCEPT then
			break
		end
		mt.sleep(0.5)
	end
	h.same(reply, SMFIR_ACCEPT, "end of message with a holder")

	h.deliver(conn, { id = h.id("no"), rcpts = { "ok@example.org" },
	    fields = { { "Subject", " Make Money FAST now" } } })
	h.refused(conn, "550", "5.7.1", "No, thank you")

	h.deliver(conn, { id = h.id("again"), rcpts = { "ok@example.org" } })
	h.accepted(conn)

	os.execute("kill -STOP " .. peer)
	h.deliver(conn, { id = h.id("stopped"), rcpts = { "ok@example.org" } })
	local stopped = mt.getreply(conn)
	os.execute("kill -CONT " .. peer)
	h.same(stopped, SMFIR_REPLYCODE, "end of message without a holder")
	mt.disconnect(conn)
end)
