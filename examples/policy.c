/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The policy alone: what would this message get?  No engine, no daemon, no
 * peer.
 *
 *	policy shadowmx.conf 192.0.2.7 ceo@example.com sales@example.com
 *	policy -s 20971520 shadowmx.conf 192.0.2.7 ceo@example.com
 *
 * Prints one line per recipient and one for the message.  -s tells the bytes of
 * its content; without it nothing is matched by size, as at RCPT.  A "+" before
 * the address stands for a client that has authenticated itself; "local" for
 * mail of this host.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <shadowmx/config.h>
#include <shadowmx/policy.h>

static void
report(void *ctx, const struct smx_config_problem *problem)
{
	char line[1024];

	(void)ctx;
	smx_config_problem_format(problem, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
}

static void
print_unprotected(const struct smx_ack *ack)
{
	if (ack->when_unprotected != SMX_UNPROTECTED_TEMPFAIL)
		printf(" when_unprotected=accept\n");
	else if (ack->tempfail_ms == 0)
		printf(" when_unprotected=tempfail\n");
	else
		printf(" when_unprotected=tempfail for %" PRId64
		       "ms, then accept\n",
		    ack->tempfail_ms);
}

/* A member's number is its place in peers.members, from 0. */
static void
print_members(const char *name, uint64_t members)
{
	const char *comma = "";

	printf(" %s=", name);
	for (int i = 0; i < 64; i++)
		if ((members >> i & 1) != 0) {
			printf("%s%d", comma, i);
			comma = ",";
		}
}

static void
print(const char *who, const struct smx_ack *ack)
{
	printf("%-32s policy=%s%s", who, ack->policy,
	    ack->backup != NULL ? " backup" : "");
	if (ack->when == 0) {
		printf(" when=() acknowledged at once, no shadow\n");
		return;
	}
	printf(" when=%s%s%s",
	    (ack->when & SMX_WHEN_DELIVERED) != 0 ? "delivered" : "",
	    ack->when == (SMX_WHEN_DELIVERED | SMX_WHEN_SHADOWED) ? "," : "",
	    (ack->when & SMX_WHEN_SHADOWED) != 0 ? "shadowed" : "");
	for (size_t i = 0; i < ack->next_hop_count; i++)
		printf(" next_hop=%s", ack->next_hops[i]);
	printf(" copies=%u min_copies=%u max_delay=%" PRId64 "ms", ack->copies,
	    ack->min_copies, ack->max_delay_ms);
	print_members("holders", ack->holders);
	if (ack->preferred != 0)
		print_members("preferred", ack->preferred);
	print_unprotected(ack);
}

struct question {
	struct smx_client client;
	uint64_t size;
	char **recipients;
	int count;
};

static int
ask(const struct smx_config *config, const struct question *q)
{
	struct smx_ack message = { 0 };
	int result;

	for (int i = 0; i < q->count; i++) {
		struct smx_ack ack;

		result = smx_policy_recipient(config, &q->client,
		    q->recipients[i], q->size, &ack);
		if (result != SMX_OK) {
			fprintf(stderr, "%s: %s\n", q->recipients[i],
			    smx_strerror(result));
			return EX_DATAERR;
		}
		print(q->recipients[i], &ack);
		result = smx_policy_combine(&message, &ack, 0);
		if (result == SMX_ECONFLICT)
			printf("%-32s cannot go with those before: a client "
			       "out there is told 452\n",
			    q->recipients[i]);
	}
	message.backup = NULL; /* of one recipient */
	print("the message", &message);
	if (q->size == SMX_SIZE_UNKNOWN && smx_policy_by_size(config))
		printf("%-32s some policies match by size: see -s\n", "");
	return EX_OK;
}

/* argv: file, address, recipients. */
static int
run(struct question *q, char **argv, int argc)
{
	struct smx_config *config = NULL;
	int result = smx_config_load(&config, argv[0], report, NULL);
	int status;

	if (result != SMX_OK) {
		fprintf(stderr, "%s: %s\n", argv[0], smx_strerror(result));
		return EX_CONFIG;
	}
	q->client.authenticated = argv[1][0] == '+';
	q->client.address = argv[1] + q->client.authenticated;
	if (strcmp(q->client.address, "local") == 0)
		q->client.address = "";
	q->recipients = argv + 2;
	q->count = argc - 2;
	smx_policy_locate(config, &q->client);
	if (q->client.country[0] != '\0' || q->client.asn != 0)
		printf("%-32s country=%s asn=%" PRIu32 "\n", q->client.address,
		    q->client.country, q->client.asn);
	status = ask(config, q);
	smx_config_release(&config);
	return status;
}

int
main(int argc, char **argv)
{
	struct question q = { .size = SMX_SIZE_UNKNOWN };

	argv++;
	argc--;
	if (argc >= 2 && strcmp(argv[0], "-s") == 0) {
		q.size = strtoull(argv[1], NULL, 10);
		argv += 2;
		argc -= 2;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: policy [-s bytes] file [+]address "
				"recipient ...\n");
		return EX_USAGE;
	}
	return run(&q, argv, argc);
}
