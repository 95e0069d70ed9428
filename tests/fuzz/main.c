/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files and folders given, so that corpora are
 * ordinary tests where libFuzzer is absent: every input as it is, cut short,
 * and with single bytes flipped.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, MUTATIONS = 200 };

/* A copy of the exact size, so that a sanitizer sees one byte too far. */
static void run_one(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		exit(1);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int run_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	uint32_t lcg = 1;
	size_t size;
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	run_one(data, size);
	for (int i = 0; size > 1 && i < MUTATIONS; i++) {
		size_t at;
		uint8_t was;

		lcg = lcg * 1664525u + 1013904223u;
		at = (lcg >> 8) % size;
		was = data[at];
		run_one(data, at);
		data[at] = (uint8_t)(lcg >> 24);
		run_one(data, size);
		data[at] = was;
	}
	return 0;
}

static int run_path(const char *path)
{
	struct stat st;
	struct dirent *e;
	int n = 0;
	DIR *d;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return run_file(path) < 0 ? -1 : 1;
	d = opendir(path);
	if (!d)
		return -1;
	while ((e = readdir(d))) {
		char name[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (run_file(name) < 0) {
			n = -1;
			break;
		}
		n++;
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	char corpus[4096];
	const char *base = strrchr(argv[0], '/'), *srcdir = getenv("srcdir");
	int files = 0, n;

	base = base ? base + 1 : argv[0];
	if (argc < 2) {
		/* fuzz_NAME runs corpus/NAME */
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", strncmp(base, "fuzz_", 5) ? base : base + 5);
		files = run_path(corpus);
	}
	for (int i = 1; i < argc && files >= 0; i++) {
		n = run_path(argv[i]);
		files = n < 0 ? -1 : files + n;
	}
	if (files <= 0) {
		fprintf(stderr, "%s: no input\n", base);
		return 1;
	}
	printf("%s: %d inputs\n", base, files);
	return 0;
}
