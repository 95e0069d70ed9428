#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What lies in the tree is built, run and shipped: a source, test, fuzz target or lint that no Makefile.inc names does nothing.
# Usage: wired.sh [TREE]
set -eu
tree=${1:-${srcdir:-.}}
status=0
n=0
complain() {
	echo "$1" >&2
	status=1
}

for file in "$tree"/src/*/*.[ch] "$tree"/src/*/*.def "$tree"/tests/unit/*/*.[ch] "$tree"/tests/fuzz/*.c "$tree"/tests/lint/*.sh \
	"$tree"/docs/man/*.[1-9] "$tree"/conf/examples/*.conf; do
	[ -e "$file" ] || continue
	dir=$(dirname "$file")
	name=${file##*/}
	list=$dir/Makefile.inc
	case $file in
	*/docs/man/*) list=$tree/docs/Makefile.inc ;;
	*/conf/examples/*) list=$tree/conf/Makefile.inc ;;
	esac
	grep -qE "%reldir%/((man|examples)/)?$(echo "$name" | sed 's/\./\\./g')( |\$|\\\\)" "$list" || complain "$file is not in $list"
	n=$((n + 1))
done
for target in "$tree"/tests/fuzz/fuzz_*.c; do
	name=$(basename "$target" .c)
	[ -n "$(ls -A "$tree/tests/fuzz/corpus/${name#fuzz_}" 2>/dev/null)" ] || complain "$target has no corpus in tests/fuzz/corpus/${name#fuzz_}"
done
[ "$n" -gt 100 ] || complain "wired.sh: only $n files found below $tree"
[ $status -ne 0 ] || echo "wired.sh: $n files"
exit $status
