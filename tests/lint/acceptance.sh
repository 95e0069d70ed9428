#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/acceptance.md names tests that exist and run, and leaves out no number.
# Usage: acceptance.sh [TREE]
set -eu
tree=${1:-${srcdir:-.}}
page=$tree/docs/acceptance.md
status=0
n=0
complain() {
	echo "acceptance.sh: $1" >&2
	status=1
}

# A C test is in its program's list; a scenario carries its decorator; a Python test is a function pytest finds.
exists() { # file function
	case $1 in
	*.c) grep -qE "cmocka_unit_test[a-z_]*\\($2[,)]" "$tree/tests/$1" || grep -qE "\\b(T|TEST)\\($2\\)" "$tree/tests/$1" ;;
	*/scenarios.py) grep -A1 '^@scenario(' "$tree/tests/$1" | grep -q "^def $2(" ;;
	*.py) case $2 in test_*) grep -q "^def $2(" "$tree/tests/$1" ;; *) false ;; esac ;;
	*) false ;;
	esac
}

for name in $(grep -oE '`[a-z0-9_/]+\.(c|py):[A-Za-z0-9_]+`' "$page" | tr -d '`' | sort -u); do
	[ -f "$tree/tests/${name%:*}" ] && exists "${name%:*}" "${name#*:}" || complain "there is no test $name"
	n=$((n + 1))
done
for i in $(seq 1 101); do
	[ "$(grep -cE "^\\| $i \\|.*\\|.*(\`|not yet).*\\|\$" "$page")" = 1 ] || complain "number $i needs one row with a test, or \"not yet\""
done
[ "$n" -gt 80 ] || complain "only $n tests found in $page"
[ $status -ne 0 ] || echo "acceptance.sh: $n tests"
exit $status
