#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every key of the configuration's schema is in sipward.conf(5), with its default, and nothing else is.
# Usage: options.sh [SCHEMA [PAGE]]; SCHEMA is what sw_conf_schema_print gives, by default of the built tests.
set -eu
srcdir=${srcdir:-.}
page=${2:-$srcdir/docs/man/sipward.conf.5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ $# -ge 1 ]; then
	cat "$1" > "$work/schema"
else
	"${builddir:-.}/tests/unit/conf/print_schema" > "$work/schema"
fi
[ -s "$work/schema" ] || { echo "options.sh: the schema is empty" >&2; exit 1; }

cut -f1 "$work/schema" | sort > "$work/keys"
sed -n 's/^\.It Ic \([^ ]*\) No = .*/\1/p' "$page" | sort > "$work/documented"

status=0
complain() {
	echo "$page: $1" >&2
	status=1
}
for key in $(comm -23 "$work/keys" "$work/documented"); do
	complain "$key is not documented: add .It Ic $key No = Ar type"
done
for key in $(comm -13 "$work/keys" "$work/documented"); do
	complain "$key is documented, but not in the schema"
done
for key in $(uniq -d "$work/documented"); do
	complain "$key is documented twice"
done

# Defaults that are one word stand in the item's line.
while IFS='	' read -r key type default range doc; do
	case $default in
	-|*' '*|*:*) continue ;;
	esac
	line=$(grep -F ".It Ic $key No = " "$page" || true)
	[ -z "$line" ] && continue
	case $line in
	*" Pq $default") ;;
	*) complain "$key: its default is $default: $line" ;;
	esac
done < "$work/schema"

[ $status -ne 0 ] || echo "options.sh: $(wc -l < "$work/keys") keys"
exit $status
