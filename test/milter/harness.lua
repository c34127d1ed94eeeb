-- SPDX-License-Identifier: BSD-2-Clause
--
-- Shared by every script here.  The milter under test runs already (run.sh
-- starts it, with the configuration suite.conf and the scripted peers of
-- scripted_link.h); -D sock= says where, -D dump= where it leaves its log and
-- what it sent to the peers, -D pid= its process.  -D name= is the script's own
-- name and part of its queue ids, so that scripts can run side by side.

local h = {}

io.stdout:setvbuf("no")

-- A script that compares nothing must not pass, and no reply may be taken for
-- that to a step which was never answered: miltertest keeps the last one.
local compared, replies = 0, 0
local answered = {}

local function watch(step)
	local plain = mt[step]

	mt[step] = function(conn, ...)
		local err = plain(conn, ...)
		answered[conn] = err == nil
		return err
	end
end

for _, step in ipairs({ "conninfo", "helo", "mailfrom", "rcptto", "data",
    "header", "eoh", "bodystring", "bodyfile", "bodyrandom", "eom",
    "unknown" }) do
	watch(step)
end

local getreply = mt.getreply

function mt.getreply(conn)
	if not answered[conn] then
		error("this reply is not to the last step", 2)
	end
	replies = replies + 1
	return getreply(conn)
end

-- miltertest can drop the text of a failure that happens inside a function.
-- run.sh wants the last line of a script that came to its end.
function h.run(main)
	local good, why = xpcall(main, debug.traceback)
	if not good then
		io.stderr:write(name, ": ", tostring(why), "\n")
		error(why)
	end
	print(name .. ": compared " .. compared .. ", replies " .. replies)
end

-- mt.* calls answer nil when all is well and a string when it is not.
function h.ok(err, step)
	if err ~= nil then
		error(step .. ": " .. tostring(err), 2)
	end
end

function h.same(got, want, what)
	compared = compared + 1
	if got ~= want then
		error(string.format("%s: got %q, want %q", what,
		    tostring(got), tostring(want)), 2)
	end
end

function h.expect(conn, want, step)
	local got = mt.getreply(conn)

	compared = compared + 1
	if got ~= want then
		error(string.format("%s: got '%s', want '%s'", step,
		    string.char(got), string.char(want)), 2)
	end
end

function h.id(n)
	return name .. "-" .. (n or 1)
end

-- All that an MTA can offer but to leave out steps that are not asked for:
-- miltertest would not take it that a script says them.
h.EVERYTHING = 0x1fffff
h.ALL_TOLD = h.EVERYTHING - SMFIP_NOEOH - SMFIP_NODATA

-- What an MTA offers that waits for an answer to each MAIL; libmilter gives it
-- one.
h.NR_MAIL = 0x4000
h.STEPS = h.ALL_TOLD - h.NR_MAIL

-- steps, actions: what this MTA offers, h.STEPS and all when nil.
function h.connect(address, steps, actions)
	local conn = mt.connect(sock, 40, 0.05)
	h.ok(mt.negotiate(conn, 6, steps or h.STEPS, actions or 0x1ff),
	    "negotiate")
	mt.macro(conn, SMFIC_CONNECT, "{daemon_name}", "smtpd")
	h.ok(mt.conninfo(conn, "client.example.net", address or "192.0.2.7"),
	    "connect")
	h.ok(mt.helo(conn, "client.example.net"), "HELO")
	return conn
end

-- The envelope up to and with DATA.  m: id, sender, mail (parameters), rcpts,
-- rcpt_params, macros (at MAIL), no_data.
function h.envelope(conn, m)
	if m.macros ~= nil then
		mt.macro(conn, SMFIC_MAIL, table.unpack(m.macros))
	end
	h.ok(mt.mailfrom(conn, m.sender or "<sender@example.net>",
	    table.unpack(m.mail or {})), "MAIL")
	h.expect(conn, SMFIR_CONTINUE, "MAIL")
	for _, rcpt in ipairs(m.rcpts) do
		h.ok(mt.rcptto(conn, "<" .. rcpt .. ">",
		    table.unpack(m.rcpt_params or {})), "RCPT")
		h.expect(conn, SMFIR_CONTINUE, "RCPT " .. rcpt)
	end
	if m.id ~= nil then
		mt.macro(conn, 84, "i", m.id)
	end
	if not m.no_data then
		h.ok(mt.data(conn), "DATA")
		h.expect(conn, m.at_data or SMFIR_CONTINUE, "DATA")
	end
end

h.fields = { { "Subject", " test" } }
h.content = "Subject: test\r\n\r\none line\r\n"

-- Values with their leading space: miltertest puts one in front where it was
-- negotiated, and an MTA takes it away where it was not.  Other beginnings are
-- rawcases.c's.
function h.header(conn, fields)
	for _, f in ipairs(fields or h.fields) do
		h.same(f[2]:sub(1, 1), " ", "the script's leading space")
		h.ok(mt.header(conn, f[1], f[2]:sub(2)), "header")
	end
	h.ok(mt.eoh(conn), "end of header")
end

function h.deliver(conn, m)
	h.envelope(conn, m)
	h.header(conn, m.fields)
	for _, piece in ipairs(m.body or { "one line\r\n" }) do
		h.ok(mt.bodystring(conn, piece), "body")
	end
	h.ok(mt.eom(conn), "end of message")
end

function h.accepted(conn, step)
	h.expect(conn, SMFIR_ACCEPT, step or "end of message")
end

-- End of message without waiting for the answer, so that other connections can
-- go on meanwhile; h.answer reads it later.
function h.end_only(conn)
	mt.set_timeout(0)
	mt.eom(conn)
	mt.set_timeout(10)
end

-- The steps for h.connect of a connection whose answer is read with h.answer,
-- which sends something harmless for each packet that it reads.  Nothing else
-- can be asked on the connection afterwards.
h.STEPS_LATE = h.STEPS - SMFIP_NOUNKNOWN

function h.answer(conn)
	local progress = string.byte("p")
	for _ = 1, 400 do
		h.ok(mt.unknown(conn, "X"), "reading the answer")
		local got = mt.getreply(conn)
		if got ~= progress then
			return got
		end
	end
	error("no answer", 2)
end

h.NO_COPY = "No second host has taken a copy yet, please try again later"

function h.refused(conn, code, enhanced, text)
	h.expect(conn, SMFIR_REPLYCODE, "end of message")
	if not mt.eom_check(conn, MT_SMTPREPLY, code, enhanced, text) then
		error("the refusal should read " .. code .. " " .. enhanced ..
		    " " .. text, 2)
	end
end

local function slurp(path)
	local f = io.open(path, "rb")
	if f == nil then
		return nil
	end
	local text = f:read("a")
	f:close()
	return text
end

local function spit(path, text)
	local f = assert(io.open(path, "wb"))
	f:write(text)
	f:close()
end

-- A file for mt.bodyfile: mt.bodystring ends at a NUL.
function h.file(text)
	spit(dump .. "/body", text)
	return dump .. "/body"
end

local function count(text, what)
	local n = 0
	for _ in text:gmatch(what) do
		n = n + 1
	end
	return n
end

-- Send a signal to the milter and wait for what it says came of it.
local function signal(which)
	local before = count(slurp(dump .. "/log") or "", "signal: ")

	os.execute("kill -" .. which .. " " .. pid)
	for _ = 1, 600 do
		local log = slurp(dump .. "/log") or ""
		if count(log, "signal: ") > before then
			return log:match(".*signal: ([^\n]+)\n")
		end
		mt.sleep(0.05)
	end
	error("the milter does not answer the signal", 3)
end

-- Change the configuration and have it read again; changes: pairs of the old
-- text and the new one.  What came of it.
function h.reload(changes)
	local path = dump .. "/suite.conf"
	local text = slurp(path)

	for _, change in ipairs(changes) do
		local from, to = text:find(change[1], 1, true)
		if from == nil then
			error("not in the configuration: " .. change[1], 2)
		end
		text = text:sub(1, from - 1) .. change[2] .. text:sub(to + 1)
	end
	spit(path, text)
	return signal("USR1")
end

function h.reloaded(changes)
	h.same(h.reload(changes), "reload done", "reload")
end

-- What was wrong with a configuration that was refused.
function h.complained(text)
	local err = slurp(dump .. "/err") or ""

	if err:find(text, 1, true) == nil then
		error("'" .. text .. "' is not in: " .. err, 2)
	end
end

function h.begin_stopping()
	os.execute("kill -USR2 " .. pid)
	mt.sleep(0.3)
end

-- What the peers were sent: a table of envelope lines by their first word, and
-- the content.  nil: nothing.
function h.shadow(id)
	local text = slurp(dump .. "/" .. id .. ".0") or
	    slurp(dump .. "/" .. id .. ".1")
	if text == nil then
		return nil
	end
	local shadow = { RCPT = {} }
	local at = 1
	while true do
		local word, rest, after = text:match(
		    "^(%u+) ?([^\r\n]*)\r\n()", at)
		if word == "RCPT" then
			table.insert(shadow.RCPT, rest)
		elseif (word == "CLIENT" or word == "MAIL") and
		    shadow[word] == nil then
			shadow[word] = rest
		else
			break
		end
		at = after
	end
	shadow.content = text:sub(at)
	return shadow
end

function h.sent(id)
	local shadow = h.shadow(id)
	if shadow == nil then
		error("no shadow of " .. id .. " was sent", 2)
	end
	return shadow
end

-- The whole envelope of a message, as the peers have it: the CLIENT line is
-- compared only when it is wanted.
function h.envelope_was(id, want)
	local shadow = h.sent(id)
	if want.CLIENT ~= nil then
		h.same(shadow.CLIENT:gsub("PORT=%d+ ", ""), want.CLIENT,
		    "CLIENT")
	end
	h.same(shadow.MAIL, want.MAIL or "<sender@example.net>", "MAIL")
	h.same(table.concat(shadow.RCPT, "\n"), table.concat(want.RCPT, "\n"),
	    "recipients")
	return shadow
end

-- And the content.
function h.was(id, rcpts, content)
	local shadow = h.envelope_was(id, { RCPT = rcpts })
	h.same(shadow.content, content or h.content, "content")
end

-- A copy is on its way: the end of message has been seen.
function h.sending(id)
	for _ = 1, 600 do
		if h.shadow(id) ~= nil then
			return
		end
		mt.sleep(0.05)
	end
	error("no shadow of " .. id .. " is on its way", 2)
end

-- Whom the shadow sent to a peer (0, 1) names as holders.
function h.holders(id, peer, names)
	h.same(slurp(dump .. "/" .. id .. "." .. peer .. ".holders"), names,
	    "holders told to peer " .. peer)
end

-- How long a log line says that the message was held.
function h.held(line, least, below)
	local ms = tonumber(line:match(" delay_ms=(%d+)"))

	if ms < least or ms >= below then
		error("not from " .. least .. " to " .. below .. " ms: " ..
		    line, 2)
	end
end

function h.key(line)
	return line:match(" key=(%S+)")
end

-- The milter's last log line about this queue id, waited for a little.
function h.logged(id, words)
	local prefix = " " .. id .. ": "
	for _ = 1, 400 do
		local found
		for line in (slurp(dump .. "/log") or ""):gmatch("[^\n]+") do
			if line:find(prefix, 1, true) then
				found = line
			end
		end
		if found ~= nil then
			for _, word in ipairs(words) do
				if not found:find(word, 1, true) then
					error("'" .. word ..
					    "' is missing in: " .. found, 2)
				end
			end
			return found
		end
		mt.sleep(0.05)
	end
	error("nothing was logged about " .. id, 2)
end

-- And such lines that must not be there.
function h.not_logged(id, words)
	for line in (slurp(dump .. "/log") or ""):gmatch("[^\n]+") do
		for _, word in ipairs(words) do
			if line:find(" " .. id .. ": ", 1, true) and
			    line:find(word, 1, true) then
				error("was logged: " .. line, 2)
			end
		end
	end
end

-- Any line of the milter's log with all these words, waited for.
function h.said(words)
	for _ = 1, 400 do
		for line in (slurp(dump .. "/log") or ""):gmatch("[^\n]+") do
			local all = true
			for _, word in ipairs(words) do
				all = all and line:find(word, 1, true) ~= nil
			end
			if all then
				return line
			end
		end
		mt.sleep(0.05)
	end
	error("never logged: " .. table.concat(words, " "), 2)
end

-- A line of the peers' record of requests, waited for.
function h.requested(line)
	for _ = 1, 400 do
		if (slurp(dump .. "/requests") or ""):find(line, 1, true) then
			return
		end
		mt.sleep(0.1)
	end
	error("the peers were never told: " .. line, 2)
end

-- And such that must not be there, after the time that a notice takes.
function h.not_requested(...)
	mt.sleep(1.5)
	for _, line in ipairs({ ... }) do
		if (slurp(dump .. "/requests") or ""):find(line, 1, true) then
			error("the peers were told: " .. line, 2)
		end
	end
end

return h
