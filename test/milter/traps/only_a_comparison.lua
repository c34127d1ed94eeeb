-- SPDX-License-Identifier: BSD-2-Clause
--
-- Something is compared, but no milter is asked.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	h.same(h.content, h.content, "content")
end)
