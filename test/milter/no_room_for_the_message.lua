-- SPDX-License-Identifier: BSD-2-Clause
--
-- The folder for what is too long for memory is no folder: a message that
-- needs it is put off in words that tell nothing, a short one is served, and
-- so is a long one when the folder is back.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local long = string.rep("long ", 8000) .. "\r\n"

	os.execute("rm -rf " .. dump .. "/spill; : >" .. dump .. "/spill")
	h.deliver(conn, { id = h.id(1), rcpts = { "ok@open.example" },
	    body = { long } })
	h.refused(conn, "451", "4.3.0", "Local trouble, please try again later")
	h.logged(h.id(1), { "event=refused", "code=451", "reason=trouble" })
	h.same(h.shadow(h.id(1)), nil, "shadow")
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@example.org" } })
	h.accepted(conn, "a short one")
	os.execute("rm " .. dump .. "/spill")
	h.deliver(conn, { id = h.id(3), rcpts = { "ok@example.org" },
	    body = { long } })
	h.accepted(conn, "with the folder back")
	h.was(h.id(3), { "<ok@example.org>" }, "Subject: test\r\n\r\n" .. long)
	mt.disconnect(conn)
end)
