#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The man pages are well-formed mdoc, without a warning.
# Usage: man.sh [PAGE...]
set -eu
command -v mandoc >/dev/null || { echo "man.sh: mandoc is missing: apt-get install mandoc"; exit 77; }
[ $# -gt 0 ] || set -- "${srcdir:-.}"/docs/man/*.[1-9]
mandoc -T lint -W warning "$@" >&2
echo "man.sh: $# pages"
