#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every symbol we export begins with sw_: Sofia-SIP and OpenSSL export thousands of plain names, and a clash would replace theirs.
# One is meant to: src/tls/decode.c says why.
# Usage: symbols.sh [ARCHIVE...]
set -eu
[ $# -gt 0 ] || set -- "${builddir:-.}"/src/libsw_*.a
[ -e "$1" ] || { echo "symbols.sh: $1 is not built" >&2; exit 1; }

# Left aside: what the compiler adds for sanitizers and coverage.
names=$(nm -g --defined-only --format=posix "$@" | awk 'NF >= 3 && $1 !~ /^(__odr_asan|__asan_|__sanitizer_|__sancov|__start_|__stop_|__llvm_|__gcov)/ { print $1 }')
n=$(echo "$names" | grep -c . || true)
bad=$(echo "$names" | grep -v -e '^sw_' -e '^d2i_X509$' | sort -u || true)
[ "$n" -gt 0 ] || { echo "symbols.sh: no symbols found" >&2; exit 1; }
if [ -n "$bad" ]; then
	for name in $bad; do
		echo "$(nm -A -g --defined-only "$@" | awk -v s="$name" '$NF == s { print $1 }' | head -n 1) $name: make it static, or begin it with sw_" >&2
	done
	exit 1
fi
echo "symbols.sh: $n symbols"
