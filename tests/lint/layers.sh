#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A folder includes itself and the folders to its left, by their full names; a library is included only by the folder that fences it.
# Usage: layers.sh [TREE]
set -eu
src=${1:-${srcdir:-.}}/src

# What a folder may include of ours. Keep it as docs/architecture.md has it.
may_include() {
	case $1 in
	core)  echo "core" ;;
	conf)  echo "core conf" ;;
	tls)   echo "core conf tls" ;;
	dns)   echo "core conf dns" ;;
	store) echo "core conf dns store" ;;
	zone)  echo "core conf tls dns store zone" ;;
	sip)   echo "core conf tls dns store zone sip" ;;
	media) echo "core conf tls dns store zone media" ;;
	check) echo "core conf tls dns store zone sip media check" ;;
	admin) echo "core conf tls dns store zone sip media admin" ;;
	edge)  echo "core conf tls dns store zone sip media check admin edge" ;;
	cli)   echo "core conf tls dns store zone sip media check admin edge cli" ;;
	*) return 1 ;;
	esac
}

# Who alone may include a library's headers; nothing is said of the others.
fence() {
	case $1 in
	sofia-sip/*)   echo "sip" ;;
	openssl/*)     echo "tls" ;;
	ldns/*)        echo "dns" ;;
	sqlite3.h)     echo "store" ;;
	libconfig.h)   echo "conf" ;;
	curl/*)        echo "tls" ;;
	uv.h)          echo "core" ;;
	idn2.h)        echo "zone" ;;
	seccomp.h)     echo "edge" ;;
	jansson.h)     echo "check cli" ;;
	esac
}

status=0
complain() {
	echo "$1:$2: $3" >&2
	status=1
}

check() {  # FILE LINE FOLDER INCLUDED
	case $4 in
	'"config.h"') return 0 ;;
	'"'*/*'"')
		of=${4#\"}
		of=${of%%/*}
		case " $allowed " in
		*" $of "*) ;;
		*) complain "$1" "$2" "src/$3 may not include $4" ;;
		esac ;;
	'"'*) complain "$1" "$2" "$4: name the folder as well" ;;
	'<'*)
		of=${4#<}
		owners=$(fence "${of%>}")
		case " ${owners:-$3} " in
		*" $3 "*) ;;
		*) complain "$1" "$2" "$4 is only for: $owners" ;;
		esac ;;
	*) complain "$1" "$2" "can't tell what $4 includes" ;;
	esac
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT
n=0
for dir in "$src"/*/; do
	folder=$(basename "$dir")
	if ! allowed=$(may_include "$folder"); then
		complain "$dir" 0 "no place in the table of layers: add it here and in docs/architecture.md"
		continue
	fi
	find "$dir" -name '*.[ch]' -exec grep -HnE '^[[:space:]]*#[[:space:]]*include' {} + | sed -E 's/^([^:]*):([0-9]+):[^"<]*include[[:space:]]*([^[:space:]]+).*/\1 \2 \3/' >"$list" || true
	while read -r file line what; do
		check "$file" "$line" "$folder" "$what"
		n=$((n + 1))
	done <"$list"
done
[ "$n" -gt 0 ] || { echo "layers.sh: no includes found below $src" >&2; exit 1; }
[ $status -ne 0 ] || echo "layers.sh: $n includes"
exit $status
