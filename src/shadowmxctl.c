/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "check.h"
#include "ctl.h"
#include "ctl_text.h"

/* A wait without a time. */
#define WAIT_DEFAULT_MS (3600 * 1000)

/* Options without a letter. */
enum {
	LONG_DRY = 256,
	LONG_SINCE,
	LONG_UNTIL,
	LONG_RECIPIENT,
	LONG_SENDER,
	LONG_MESSAGE_ID,
	LONG_LIMIT
};

static const char options_text[] =
    "\n"
    "  -c, --config FILE   read this configuration\n"
    "  -h, --help          print this and stop\n"
    "  -j, --json          answer in JSON, one object a line\n"
    "  -s, --socket FILE   ask the daemon behind this socket\n"
    "  -V, --version       print the version and stop\n"
    "\n"
    "  -a, --all           queue orders: all that the filters let through;\n"
    "                      replay: also what another member would replay\n"
    "  -b, --brief         status: one line, as monitoring systems read it\n"
    "  -d, --domains LIST  config check: would this host take their mail?\n"
    "  -f, --for TIME      leave: away for so long, 0: not after all;\n"
    "                      maintenance start: so long\n"
    "  -n, --changed       config show: only what differs from the defaults\n"
    "  -n, --dry-run       replay: only show what would be delivered again\n"
    "  -p, --primary HOST  queue, replay: only what is kept for this host\n"
    "  -r, --recipients-from FILE\n"
    "                      config check: the same of names in a file\n"
    "  -S, --state STATE   queue: only what is in this state\n"
    "  -w, --wait[=TIME]   drain, fence: wait until it is done, at most so "
    "long\n"
    "  -y, --yes           do it, even though it can cost a copy\n"
    "      --since TIME, --until TIME\n"
    "                      replay: only what was delivered then; how long ago, "
    "or\n"
    "                      as \"2026-11-22T12:30\"; backup report: taken "
    "since\n"
    "      --recipient ADDRESS, --sender ADDRESS\n"
    "                      replay: only to or from it, or \"@domain\"\n"
    "      --message-id ID replay: only this one\n"
    "      --limit N       replay: no more than so many\n"
    "\n"
    "Words may be cut short as long as they are unique.\n";

static const struct option longs[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "brief", no_argument, NULL, 'b' },
	{ "changed", no_argument, NULL, 'n' },
	{ "dry-run", no_argument, NULL, LONG_DRY },
	{ "config", required_argument, NULL, 'c' },
	{ "domains", required_argument, NULL, 'd' },
	{ "for", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "limit", required_argument, NULL, LONG_LIMIT },
	{ "message-id", required_argument, NULL, LONG_MESSAGE_ID },
	{ "primary", required_argument, NULL, 'p' },
	{ "recipient", required_argument, NULL, LONG_RECIPIENT },
	{ "recipients-from", required_argument, NULL, 'r' },
	{ "sender", required_argument, NULL, LONG_SENDER },
	{ "since", required_argument, NULL, LONG_SINCE },
	{ "socket", required_argument, NULL, 's' },
	{ "state", required_argument, NULL, 'S' },
	{ "until", required_argument, NULL, LONG_UNTIL },
	{ "version", no_argument, NULL, 'V' },
	{ "wait", optional_argument, NULL, 'w' },
	{ "yes", no_argument, NULL, 'y' },
	{ NULL, 0, NULL, 0 },
};

/* Those that only some phrases know. */
static const struct {
	int letter;
	unsigned bit;
	const char *name;
} special[] = {
	{ 'a', OPTION_ALL, "--all" },
	{ 'b', OPTION_BRIEF, "--brief" },
	{ 'd', OPTION_DOMAINS, "--domains" },
	{ 'f', OPTION_FOR, "--for" },
	{ 'n', OPTION_CHANGED, "--changed" },
	{ 'p', OPTION_PRIMARY, "--primary" },
	{ 'r', OPTION_RECIPIENTS, "--recipients-from" },
	{ 'S', OPTION_STATE, "--state" },
	{ 'w', OPTION_WAIT, "--wait" },
	{ 'y', OPTION_YES, "--yes" },
	{ LONG_DRY, OPTION_DRY, "--dry-run" },
	{ LONG_SINCE, OPTION_SINCE, "--since" },
	{ LONG_UNTIL, OPTION_MEANT, "--until" },
	{ LONG_RECIPIENT, OPTION_MEANT, "--recipient" },
	{ LONG_SENDER, OPTION_MEANT, "--sender" },
	{ LONG_MESSAGE_ID, OPTION_MEANT, "--message-id" },
	{ LONG_LIMIT, OPTION_MEANT, "--limit" },
};
#define SPECIALS (sizeof(special) / sizeof(*special))

static void
print_phrase(FILE *to, const struct phrase *p)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s%s", p->words[0],
	    p->words[1] == NULL ? "" : " ",
	    p->words[1] == NULL ? "" : p->words[1],
	    p->arguments[0] == '\0' ? "" : " ", p->arguments);
	fprintf(to, "  %-28s %s\n", text, p->help);
}

static void
usage(FILE *to)
{
	fputs("usage: shadowmxctl [OPTION]... PHRASE\n\n", to);
	for (size_t i = 0; i < phrase_count; i++)
		print_phrase(to, &phrases[i]);
	fputs(options_text, to);
}

/* An option that means nothing here may be meant for something else. */
static int
options_fit(const struct ctl *ctl, const struct phrase *phrase)
{
	for (size_t i = 0; i < SPECIALS; i++) {
		if ((ctl->given & special[i].bit) == 0 ||
		    (phrase->options & special[i].bit) != 0)
			continue;
		fprintf(stderr, "shadowmxctl: %s means nothing to \"%s%s%s\"\n",
		    special[i].name, phrase->words[0],
		    phrase->words[1] == NULL ? "" : " ",
		    phrase->words[1] == NULL ? "" : phrase->words[1]);
		return 0;
	}
	return 1;
}

static int
run(const struct ctl *ctl, char **argv, int argc)
{
	const struct phrase *phrase;
	int used, status;

	phrase = phrase_find(argv, argc, &used);
	if (phrase == NULL || !options_fit(ctl, phrase))
		return EX_USAGE;
	if (argc - used < phrase->min || argc - used > phrase->max) {
		fprintf(stderr, "shadowmxctl: too %s arguments; usage:\n",
		    argc - used < phrase->min ? "few" : "many");
		print_phrase(stderr, phrase);
		return EX_USAGE;
	}
	status = phrase->run(ctl, phrase, argv + used, argc - used);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("shadowmxctl: stdout");
		return EX_IOERR;
	}
	return status;
}

/* Zero when it is no time. */
static int
take_span(const char *option, const char *value, long long days, long long *ms)
{
	*ms = strcmp(value, "0") == 0 ? 0 : text_span(value);
	if (*ms >= 0 && *ms <= days * 86400000)
		return 1;
	fprintf(stderr,
	    "shadowmxctl: %s: not a time; accepted: a number with one of the "
	    "units s, m, h, d, as \"30m\", up to %lldd\n",
	    option, days);
	return 0;
}

static void
take_meant(struct ctl *ctl, int letter, const char *value)
{
	const struct {
		int letter;
		const char **to;
	} texts[] = { { LONG_SINCE, &ctl->since }, { LONG_UNTIL, &ctl->until },
		{ LONG_RECIPIENT, &ctl->recipient },
		{ LONG_SENDER, &ctl->sender },
		{ LONG_MESSAGE_ID, &ctl->message_id } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].letter == letter)
			*texts[i].to = value;
}

static int
take_limit(struct ctl *ctl, const char *value)
{
	char *end;

	ctl->limit = strtoll(value, &end, 10);
	if (*end == '\0' && ctl->limit > 0 && ctl->limit <= 1000000)
		return 1;
	fputs("shadowmxctl: --limit: a number is needed, from 1 to 1000000\n",
	    stderr);
	return 0;
}

/* An option of some phrases; zero when its value is wrong. */
static int
take_special(struct ctl *ctl, int letter, const char *value)
{
	for (size_t i = 0; i < SPECIALS; i++)
		if (special[i].letter == letter)
			ctl->given |= special[i].bit;
	if (value != NULL && value[0] == '\0') {
		fputs("shadowmxctl: the value of an option is empty\n", stderr);
		return 0;
	}
	take_meant(ctl, letter, value);
	if (letter == LONG_LIMIT)
		return take_limit(ctl, value);
	if (letter == 'd')
		ctl->domains = value;
	if (letter == 'r')
		ctl->recipients = value;
	if (letter == 'p')
		ctl->primary = value;
	if (letter == 'S')
		ctl->state = value;
	if (letter == 'f')
		return take_span("--for", value, 30, &ctl->for_ms);
	if (letter != 'w')
		return 1;
	if (value != NULL)
		return take_span("--wait", value, 30, &ctl->wait_ms);
	ctl->wait_ms = WAIT_DEFAULT_MS;
	return 1;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .config_file = DEFAULT_CONFIG };
	int c;

	while ((c = getopt_long(argc, argv, "abc:d:f:hjnp:r:s:S:Vw::y", longs,
		    NULL)) != -1) {
		switch (c) {
		case 'c':
			ctl.config_file = optarg;
			break;
		case 'h':
			usage(stdout);
			return EX_OK;
		case 'j':
			ctl.json = 1;
			break;
		case 's':
			ctl.socket = optarg;
			break;
		case 'V':
			printf("shadowmxctl %s\n", smx_version());
			return EX_OK;
		case '?':
			fputs("shadowmxctl: see shadowmxctl --help\n", stderr);
			return EX_USAGE;
		default:
			if (!take_special(&ctl, c, optarg))
				return EX_USAGE;
		}
	}
	return run(&ctl, argv + optind, argc - optind);
}
