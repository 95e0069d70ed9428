#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [-o] [-n ROUNDS] [-d SIPWARDD] [-l LOCKFILE] [handshakes|strangers|burst|idle|idle-strangers|calls|sdp|saturated]...
# Measures sipwardd and, where they are installed, haproxy and Kamailio (with rtpengine), one after the other in each round, and
# prints medians with their range. See README.md. Needs two cores; as root it gives both sides more priority.
set -u
here=$(cd "$(dirname "$0")" && pwd)
rounds=3 lock= daemon= only=
for d in "$here/../build/src/sipwardd" "$here/../src/sipwardd"; do [ -x "$d" ] && daemon=$d && break; done
while getopts on:d:l: o; do
	case $o in o) only=yes ;; n) rounds=$OPTARG ;; d) daemon=$OPTARG ;; l) lock=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- handshakes strangers idle idle-strangers calls sdp saturated
[ -x "$daemon" ] || { echo "no sipwardd: build it, or say -d" >&2; exit 2; }

dir=$(mktemp -d /tmp/sipward-bench.XXXXXX)
chmod 755 "$dir"
pids=()
stop() {
	[ ${#pids[@]} -gt 0 ] && kill "${pids[@]}" 2>/dev/null && wait "${pids[@]}" 2>/dev/null
	pids=()
}
trap 'stop; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
cp "$here"/*.[ch] "$here"/Makefile "$dir" && make -s -C "$dir" || exit 2
"$here/certs.sh" "$dir/certs" >/dev/null || exit 2
user=$(id -un)
[ "$user" = root ] && user=nobody
mkdir "$dir/state"
install -m 600 "$dir/certs/edge.key" "$dir/edge.key"
[ "$(id -u)" = 0 ] && chown "$user" "$dir/state" "$dir/edge.key"
for f in "$here"/*.in; do sed "s#@DIR@#$dir#g; s#@USER@#$user#g" "$f" >"$dir/$(basename "$f" .in)"; done
ulimit -c 0
ulimit -n "$(ulimit -Hn)"

# Server on core 0, generator on core 1.
nice=; [ "$(id -u)" = 0 ] && nice="nice -n -10"
server() {
	$nice taskset -c 0 "$@" >>"$dir/server.log" 2>&1 9>&- &
	pids+=($!)
}
listening() {
	for _ in $(seq 100); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.1
	done
	echo "nothing listens on port $1:" >&2
	tail -5 "$dir/server.log" >&2
	return 1
}
have() { [ -z "$only" ] && command -v "$1" >/dev/null; }
sipwardd() { server "$daemon" -f "$dir/sipward.conf" -D && listening 5062; }
haproxy_() { server haproxy -db -f "$dir/haproxy.cfg" && listening 5161; }
kamailio_() { server kamailio -DD -E -m 2000 -x fm -X fm "$@" -f "$dir/kamailio.cfg" -P "$dir/kamailio.pid" && listening 5061 && sleep 1; }
rtpengine_() {
	server rtpengine --config-file=none --table=-1 --interface=127.0.0.1 --listen-ng=127.0.0.1:2223 --port-min=42000 --port-max=59999 \
		--foreground --log-stderr --log-level=3 --num-threads=2
	sleep 1
}
load() { # SERVER WHAT command...
	local who=$1 what=$2 line
	shift 2
	line=$($nice taskset -c 1 timeout 900 "$@" -p "$(IFS=,; echo "${pids[*]}")" 2>"$dir/load.err")
	[ -n "$line" ] || { line="error=1"; cat "$dir/load.err" >&2; }
	echo "what=$what server=$who $line" | tee -a "$dir/results"
}
client="-c $dir/certs/client.crt -k $dir/certs/client.key"
handshakes="$dir/handshakes $client"
calls="$dir/calls $client -l 127.0.0.1:5071 -C $dir/certs/uas.crt -K $dir/certs/uas.key -a $dir/certs/root.crt"
own="-f $dir/certs/inter.crt -F $dir/certs/inter.key"

tls() { # WHAT options...
	local what=$1
	shift
	sipwardd && load sipwardd "$what" $handshakes -t 127.0.0.1:5062 "$@"
	stop
	if have haproxy; then
		haproxy_ && load haproxy "$what" $handshakes -t 127.0.0.1:5161 -h "$@"
		stop
	fi
	if have kamailio; then
		# one at a time: with two workers it may crash under concurrent handshakes
		kamailio_ && load kamailio "$what" $handshakes -t 127.0.0.1:5061 "$@" -j 1
		stop
	fi
}
# Valid clients, far more at once than limits.handshakes: the others wait, none may be refused.
burst() {
	sipwardd
	for at_once in ${AT_ONCE:-64 1000 5000}; do
		load sipwardd "burst-$at_once" $handshakes -t 127.0.0.1:5062 -n "${BURST:-100000}" -j $at_once
	done
	stop
}
sip() { # WHAT options...
	local what=$1
	shift
	sipwardd && load sipwardd "$what" $calls -t 127.0.0.1:5062 "$@"
	stop
	have kamailio || return 0
	if [ "$what" != sdp ]; then
		kamailio_ && load kamailio "$what" $calls -t 127.0.0.1:5061 "$@"
	elif have rtpengine; then
		rtpengine_
		kamailio_ -A RTPENGINE && load kamailio+rtpengine "$what" $calls -t 127.0.0.1:5061 "$@"
	fi
	stop
}
for _ in $(seq "$rounds"); do
	for what; do
		[ -z "$lock" ] || { exec 9>"$lock"; flock 9; }
		case $what in
		handshakes) tls handshakes -n 800 ;;
		strangers) tls strangers -n 800 $own ;;
		idle) tls idle -n 4900 -i ;;
		idle-strangers) tls idle-strangers -n 4900 -i $own ;;
		burst) burst ;;
		calls) sip calls -r 200 ;;
		sdp) sip sdp -r 200 -s ;;
		saturated) sip saturated -j 64 -d 5 ;;
		*) echo "what is $what?" >&2; exit 2 ;;
		esac
		[ -z "$lock" ] || { flock -u 9; sleep 0.5; }
	done
done
echo
awk '
{
	delete f
	for (i = 1; i <= NF; i++) {
		split($i, kv, "=")
		f[kv[1]] = kv[2]
	}
	id = f["what"] " " f["server"]
	if (!(id in seen)) {
		seen[id] = ++n_ids
		ids[n_ids] = id
	}
	for (k in f)
		if (k ~ /^(cpu_us|per_s|p50_us|p99_us|kb_per_conn|failed|bad|error)$/)
			v[id, k, ++n[id, k]] = f[k]
}
function show(id, k, fmt,   i, j, m, t, a) {
	m = n[id, k]
	if (!m)
		return
	for (i = 1; i <= m; i++)
		a[i] = v[id, k, i] + 0
	for (i = 2; i <= m; i++)
		for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
			t = a[j]
			a[j] = a[j - 1]
			a[j - 1] = t
		}
	printf "  %s " fmt " (" fmt ".." fmt ")", k, (a[int((m + 1) / 2)] + a[int(m / 2) + 1]) / 2, a[1], a[m]
}
END {
	for (i = 1; i <= n_ids; i++) {
		printf "%-30s", ids[i]
		show(ids[i], "cpu_us", "%.0f")
		if (ids[i] ~ /^idle/)
			show(ids[i], "kb_per_conn", "%.1f")
		else
			show(ids[i], "per_s", "%.0f")
		if (ids[i] ~ /^(calls|sdp)/) {
			show(ids[i], "p50_us", "%.0f")
			show(ids[i], "p99_us", "%.0f")
		}
		show(ids[i], "failed", "%.0f")
		show(ids[i], "bad", "%.0f")
		show(ids[i], "error", "%.0f")
		printf "\n"
	}
}' "$dir/results"
