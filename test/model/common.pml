/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all models share.  A rule is broken, and faults are counted out, when
 * the search is started, so that one program serves many runs:
 *
 *	BREAK=n       the rule with the number n is broken (0, none)
 *	CRASHES=n     power cuts: what is not durable is gone, the host comes back
 *	DISASTERS=n   hosts lost for ever with their disk
 *	CUTS=n        links cut, each healed some time later
 *	...           further ones are named in the model that knows them
 *	BOUND=n       deliveries of one message that are allowed
 *	LOST_ONLY=1   of the claims below only the first one is watched
 *
 * Each model has three claims; the text of the one that fails tells which:
 *
 *	lost      acknowledged, and there is neither a delivery nor a durable
 *	          copy on a disk that is not lost
 *	doubled   delivered more often than allowed, or where it must not be
 *	stuck     nothing can move any more, all links and hosts that are not
 *	          lost are well, and something is not as it should be in the end
 */
c_decl {
\#include <stdlib.h>
static int
given(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : (int)strtol(text, NULL, 10);
}
static int broken_rule, lost_only;
}
#define BROKEN(rule) c_expr { broken_rule == rule }
#define ALL_CLAIMS c_expr { lost_only == 0 }

bool lost, doubled, stuck;
byte crashes, disasters, cuts, bound;

inline given_faults()
{
	c_code {
		broken_rule = given("BREAK", 0);
		lost_only = given("LOST_ONLY", 0);
		now.crashes = given("CRASHES", 0);
		now.disasters = given("DISASTERS", 0);
		now.cuts = given("CUTS", 0);
		now.bound = given("BOUND", 9);
	}
}
