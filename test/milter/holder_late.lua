-- SPDX-License-Identifier: BSD-2-Clause
--
-- The holder is slower than the policy's max_delay allows: the answer comes in
-- time all the same, a refusal or an unprotected message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local began = os.time()

	h.deliver(conn, { id = h.id(), rcpts = { "wait-60000@hasty.example" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	mt.sleep(2) -- a holder that was late is left alone for a while
	h.deliver(conn, { id = h.id(2),
	    rcpts = { "wait-60000@hasty-open.example" } })
	h.accepted(conn)
	h.logged(h.id(2), { "ack=unprotected", "policy=hasty-open" })
	if os.time() - began > 30 then
		error("max_delay was not kept")
	end
	mt.disconnect(conn)
end)
