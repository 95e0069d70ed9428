#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, so that the order of includes never matters.
# Usage: headers.sh [TREE]
set -eu
src=${1:-${srcdir:-.}}/src
flags="-fsyntax-only -std=gnu2x -Wall -Werror -D_GNU_SOURCE -I$src -I${builddir:-.} \
	$(pkg-config --cflags libuv openssl ldns libconfig sofia-sip-ua sqlite3 libidn2 jansson libcurl libseccomp)"
status=0
n=0
for header in "$src"/*/*.h; do
	[ -e "$header" ] || { echo "headers.sh: no headers below $src" >&2; exit 1; }
	name=${header#"$src"/}
	# Twice: #pragma once must be there as well.
	# shellcheck disable=SC2086
	printf '#include "%s"\n#include "%s"\n' "$name" "$name" | ${CC:-cc} -x c $flags - ||
		{ echo "$header does not compile alone" >&2; status=1; }
	n=$((n + 1))
done
[ $status -ne 0 ] || echo "headers.sh: $n headers"
exit $status
