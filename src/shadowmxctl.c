/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "check.h"
#include "ctl.h"

static const char options_text[] =
    "\n"
    "  -c, --config FILE  read this configuration\n"
    "  -h, --help         print this and stop\n"
    "  -j, --json         answer in JSON, one object a line\n"
    "  -s, --socket FILE  ask the daemon behind this socket\n"
    "  -V, --version      print the version and stop\n"
    "\n"
    "Words may be cut short as long as they are unique.\n";

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' },
	{ "socket", required_argument, NULL, 's' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void
print_phrase(FILE *to, const struct phrase *p)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s%s", p->words[0],
	    p->words[1] == NULL ? "" : " ",
	    p->words[1] == NULL ? "" : p->words[1],
	    p->arguments[0] == '\0' ? "" : " ", p->arguments);
	fprintf(to, "  %-27s %s\n", text, p->help);
}

static void
usage(FILE *to)
{
	fputs("usage: shadowmxctl [-hjV] [-c FILE] [-s FILE] PHRASE\n\n", to);
	for (size_t i = 0; i < phrase_count; i++)
		print_phrase(to, &phrases[i]);
	fputs(options_text, to);
}

static int
run(const struct ctl *ctl, char **argv, int argc)
{
	const struct phrase *phrase;
	int used, status;

	phrase = phrase_find(argv, argc, &used);
	if (phrase == NULL)
		return EX_USAGE;
	if (argc - used < phrase->min || argc - used > phrase->max) {
		fputs("usage: shadowmxctl\n", stderr);
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

int
main(int argc, char **argv)
{
	struct ctl ctl = { .config_file = DEFAULT_CONFIG };
	int c;

	while ((c = getopt_long(argc, argv, "c:hjs:V", longs, NULL)) != -1) {
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
		default:
			usage(stderr);
			return EX_USAGE;
		}
	}
	return run(&ctl, argv + optind, argc - optind);
}
