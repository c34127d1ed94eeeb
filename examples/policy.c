/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The policy alone: what would this message get?  No engine, no daemon, no
 * peer.
 *
 *	policy shadowmx.conf 192.0.2.7 ceo@example.com sales@example.com
 *
 * Prints one line per recipient and one for the message.  A "+" before the
 * address stands for a client that has authenticated itself; "local" for mail
 * of this host.
 */
#include <inttypes.h>
#include <stdio.h>
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

static const char *
unprotected_word(enum smx_unprotected unprotected)
{
	return unprotected == SMX_UNPROTECTED_TEMPFAIL ? "tempfail" : "accept";
}

static void
print(const char *who, const struct smx_ack *ack)
{
	printf("%-32s policy=%s", who, ack->policy);
	if (ack->when == 0)
		printf(" when=() acknowledged at once, no shadow\n");
	else
		printf(" when=shadowed copies=%u max_delay=%" PRId64
		       "ms when_unprotected=%s\n",
		    ack->copies, ack->max_delay_ms,
		    unprotected_word(ack->when_unprotected));
}

static int
ask(const struct smx_config *config, const struct smx_client *client,
    char **recipients, int count)
{
	struct smx_ack message = { 0 };

	for (int i = 0; i < count; i++) {
		struct smx_ack ack;
		int result =
		    smx_policy_recipient(config, client, recipients[i], &ack);

		if (result != SMX_OK) {
			fprintf(stderr, "%s: %s\n", recipients[i],
			    smx_strerror(result));
			return EX_DATAERR;
		}
		print(recipients[i], &ack);
		smx_policy_combine(&message, &ack);
	}
	print("the message", &message);
	return EX_OK;
}

int
main(int argc, char **argv)
{
	struct smx_client client = { 0 };
	struct smx_config *config = NULL;
	int result, status;

	if (argc < 4) {
		fprintf(stderr,
		    "usage: policy file [+]address recipient ...\n");
		return EX_USAGE;
	}
	result = smx_config_load(&config, argv[1], report, NULL);
	if (result != SMX_OK) {
		fprintf(stderr, "%s: %s\n", argv[1], smx_strerror(result));
		return EX_CONFIG;
	}
	client.authenticated = argv[2][0] == '+';
	client.address = argv[2] + client.authenticated;
	if (strcmp(client.address, "local") == 0)
		client.address = "";
	smx_policy_locate(config, &client);
	if (client.country[0] != '\0' || client.asn != 0)
		printf("%-32s country=%s asn=%" PRIu32 "\n", client.address,
		    client.country, client.asn);
	status = ask(config, &client, argv + 3, argc - 3);
	smx_config_release(&config);
	return status;
}
