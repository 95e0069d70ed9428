#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every case of the table gets the verdict and the reason it should, and ten thousand of them take no more memory than a thousand.
# Usage: batch.sh [SIPWARD]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sipward=${1:-${builddir:-.}/src/sipward}
command -v python3 >/dev/null || { echo "batch.sh: python3 is missing: apt-get install python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 "$here/cases.py" write "$work/cases"
"$sipward" cert verify --batch "$work/cases" >"$work/verdicts"
python3 "$here/cases.py" check "$work/verdicts"
# From standard input, in the same order.
"$sipward" cert verify --batch - <"$work/cases" | cmp - "$work/verdicts"

# The kernel's own count of the most memory held. A sanitizer keeps what was freed for a while, by design.
peak() {
	python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' env ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=1" "$sipward" cert verify --batch "$1"
}
head -n 1000 "$work/cases" >"$work/thousand"
for i in 1 2 3 4 5 6 7 8 9 10; do
	cat "$work/thousand"
done >"$work/many"
few=$(peak "$work/thousand")
many=$(peak "$work/many")
echo "batch.sh: $few kB for 1000 cases, $many kB for 10000"
[ "$many" -lt $((few + few / 10 + 2048)) ] || { echo "batch.sh: memory grows with the number of cases" >&2; exit 1; }
