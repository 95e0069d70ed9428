#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/reasons.md is what the program says its reasons are.
# Usage: reasons.sh [PAGE]
set -eu
page=${1:-${srcdir:-.}/docs/reasons.md}
"${builddir:-.}/src/sipward" reason --markdown | diff -u "$page" - || {
	echo "reasons.sh: $page is not up to date: make reasons-doc" >&2
	exit 1
}
