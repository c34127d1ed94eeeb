/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor under every promise on this machine: one fdatasync of 4 KiB in the
 * given folder, and one round trip over loopback TCP.
 *
 *	floor FOLDER
 *
 * prints: fdatasync_p50_us fdatasync_p99_us round_trip_p50_us
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 500

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
sync_times(const char *folder, double *t)
{
	char path[4096], block[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/floor.XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	unlink(path);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < ROUNDS; i++) {
		double began = now_us();

		if (write(fd, block, sizeof(block)) != sizeof(block) ||
		    fdatasync(fd) != 0)
			exit(1);
		t[i] = now_us() - began;
	}
	close(fd);
	qsort(t, ROUNDS, sizeof(*t), by_size);
}

static void
echo(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1)
		if (write(fd, &c, 1) != 1)
			break;
	_exit(0);
}

static void
trip_times(double *t)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;
	char c = 'x';
	pid_t child;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(l, 1) != 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) != 0)
		exit(1);
	child = fork();
	if (child == 0) {
		fd = accept(l, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		echo(fd);
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		exit(1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (int i = 0; i < ROUNDS; i++) {
		double began = now_us();

		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			exit(1);
		t[i] = now_us() - began;
	}
	close(fd);
	waitpid(child, NULL, 0);
	qsort(t, ROUNDS, sizeof(*t), by_size);
}

int
main(int argc, char **argv)
{
	double sync[ROUNDS], trip[ROUNDS];

	if (argc != 2)
		return 64;
	sync_times(argv[1], sync);
	trip_times(trip);
	printf("%.0f %.0f %.0f\n", sync[ROUNDS / 2], sync[ROUNDS * 99 / 100],
	    trip[ROUNDS / 2]);
	return 0;
}
