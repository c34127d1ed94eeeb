-- SPDX-License-Identifier: BSD-2-Clause
--
-- What a policy leaves out comes from the defaults: one that only says how
-- long, and one that only says what then.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.reloaded({ { "max_delay = \"10s\"; when_unprotected = \"tempfail\"",
	    "max_delay = \"5s\"; when_unprotected = \"accept\"" } })
	-- hasty has one second of its own; the answer is the defaults'.
	h.deliver(conn, { id = h.id(1), rcpts = { "unsure@hasty.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(1), { "ack=unprotected", "policy=hasty" }), 1000,
	    5000)
	mt.sleep(1.5) -- a holder that was silent is left alone for a while
	-- open says what then; the time is the defaults'.
	h.deliver(conn, { id = h.id(2), rcpts = { "unsure@open.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(2), { "ack=unprotected", "policy=open" }), 5000,
	    30000)
	mt.disconnect(conn)
end)
