#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/findings.md, the JSON schema and the options in sipward-check(1) are what the program says they are.
# Usage: findings.sh [TREE]
set -eu
tree=${1:-${srcdir:-.}}
sipward=${builddir:-.}/src/sipward
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

same() { # FILE, what it should be
	diff -u "$1" "$2" >&2 && return 0
	echo "findings.sh: $1 is not up to date: make findings-doc" >&2
	status=1
}
"$sipward" explain --markdown > "$work/page"
"$sipward" explain --schema > "$work/schema"
"$sipward" check --describe mdoc > "$work/options"
sed -n '/^\.\\" options: made by/,/^\.\\" end of options/p' "$tree/docs/man/sipward-check.1" | sed '1d;$d' > "$work/documented"
[ -s "$work/options" ] || { echo "findings.sh: no options" >&2; exit 1; }
same "$tree/docs/findings.md" "$work/page"
same "$tree/dist/schema/check-1.json" "$work/schema"
diff -u "$work/documented" "$work/options" >&2 || {
	echo "findings.sh: the options in $tree/docs/man/sipward-check.1 are not those of the program: make findings-doc" >&2
	status=1
}
[ $status -ne 0 ] || echo "findings.sh: $("$sipward" explain --list | wc -l) findings, $(grep -c '^\.It' "$work/options") options"
exit $status
