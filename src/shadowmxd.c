/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <shadowmx/shadowmx.h>

#include "check.h"

static const char usage[] =
    "usage: shadowmxd [-tv] [-c FILE] [-p FILE]\n"
    "       shadowmxd -h | -V\n"
    "\n"
    "  -c, --config FILE    read this configuration\n"
    "  -h, --help           print this and stop\n"
    "  -p, --pid-file FILE  write the process id there\n"
    "  -t, --check          check the configuration and stop\n"
    "  -v, --verbose        log to stderr, whatever log.to says\n"
    "  -V, --version        print the version and stop\n";

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "pid-file", required_argument, NULL, 'p' },
	{ "check", no_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int
check(const char *file)
{
	struct check_report report = { .json = 0 };
	int status = check_all(file, NULL, 0, &report);

	if (status == EX_OK && report.worst == 0)
		printf("%s: no problem found\n", file);
	return status;
}

int
main(int argc, char **argv)
{
	struct smx_daemon_options options = { .config_file = DEFAULT_CONFIG };
	int only_check = 0, c;

	while ((c = getopt_long(argc, argv, "c:hp:tvV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.config_file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		case 'p':
			options.pid_file = optarg;
			break;
		case 't':
			only_check = 1;
			break;
		case 'v':
			options.log_to_stderr = 1;
			break;
		case 'V':
			printf("shadowmxd %s\n", smx_version());
			return EX_OK;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	return only_check ? check(options.config_file)
			  : smx_daemon_run(&options);
}
