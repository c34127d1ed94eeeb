-- SPDX-License-Identifier: BSD-2-Clause
--
-- Recipients of a file have a policy. A file that is renamed over the old one
-- is used within seconds, one with a bad line is not; a reload with such a file
-- is refused.

local h = dofile(srcdir .. "/harness.lua")
local path = dump .. "/vip"

local function put(text)
	local f = assert(io.open(path .. ".new", "wb"))

	f:write(text)
	f:close()
	assert(os.rename(path .. ".new", path))
end

local n = 0

local function ask(conn, to)
	n = n + 1
	h.deliver(conn, { id = h.id(n), rcpts = { to } })
	return h.logged(h.id(n), { " rcpts=1 " }):match("policy=(%S+)")
end

local function becomes(conn, to, want)
	for _ = 1, 100 do
		if ask(conn, to) == want then
			return
		end
		mt.sleep(0.2)
	end
	error(to .. " never becomes " .. want)
end

h.run(function()
	local conn = h.connect()

	put("gone@vip.example\tOK\n# nobody else\n")
	h.same(ask(conn, "gone@vip.example"), "defaults", "before")
	h.reloaded({ { "policies = (", "policies = (\n" ..
	    "{ name = \"vip\"; match = { recipient_tables = \"" .. path ..
	    "\"; };\n  acknowledge = { when_unprotected = \"accept\"; }; },"
	    } })
	h.same(ask(conn, "gone@vip.example"), "vip", "listed")
	h.same(ask(conn, "gone2@vip.example"), "defaults", "not listed")
	put("gone2@vip.example\r\n@gone.example")
	becomes(conn, "gone2@vip.example", "vip")
	h.same(ask(conn, "gone@vip.example"), "defaults", "not listed now")
	h.same(ask(conn, "gone@gone.example"), "vip", "its domain")
	put("gone@vip.example\nnonsense\n")
	h.same(h.reload({}), "reload failed", "a bad line")
	h.complained(path .. ":2: nonsense: one word alone")
	h.same(ask(conn, "gone2@vip.example"), "vip", "with a bad line")
	mt.disconnect(conn)
end)
