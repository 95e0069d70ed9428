# SPDX-License-Identifier: Apache-2.0
"""scripts/quickstart, after the build: the world, its scenarios, and a table of what happened."""
import os
import shutil
import signal
import sys
import textwrap
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lab import proc, scenarios  # noqa: E402
from lab.net import wait_until  # noqa: E402
from lab.sipward import TREE  # noqa: E402
from lab.world import MUTUAL, OURS, PARTNER, PUBLIC, World  # noqa: E402

LAB = f"{TREE}/.lab"
RUN, PIDFILE = f"{LAB}/run", f"{LAB}/pid"
SHOWN = os.environ.get("SIPWARD_TREE", TREE)  # where the user sees the tree, when we run in a mount namespace


def kept():
	"""The process id of what an earlier --keep left running, or None."""
	try:
		pid = int(open(PIDFILE).read())
		return pid if "quickstart.py" in open(f"/proc/{pid}/cmdline").read() else None
	except (OSError, ValueError):
		return None


def stop_kept():
	pid = kept()
	if pid:
		os.kill(pid, signal.SIGTERM)
		wait_until("what was left running to stop", lambda: not kept(), 30)
		print("stopped what an earlier --keep had left running")
	return bool(pid)


class Table:
	HEADS = ("what was tried", "what happened", "why")

	def __init__(self):
		width = max(90, min(170, shutil.get_terminal_size((130, 24)).columns))
		usable = width - 6 - 2 * 3
		self.widths = (usable * 32 // 100, usable * 36 // 100, usable * 32 // 100)
		self.row("", self.HEADS)
		print("-" * width)

	def row(self, mark, cells):
		wrapped = [textwrap.wrap(c, w, break_long_words=True) or [""] for c, w in zip(cells, self.widths)]
		for i in range(max(map(len, wrapped))):
			cols = [(w[i] if i < len(w) else "").ljust(n) for w, n in zip(wrapped, self.widths)]
			print(f"{mark if i == 0 else '':<5} " + " | ".join(cols).rstrip())
		sys.stdout.flush()


def emptied(w):
	"""At the end, with all peers gone: nothing may be held any more."""
	w.close_peers()
	before = w.edge.wait_nothing_held(timeout=40)
	return ", ".join(f"{n} {what}" for what, n in before.items()), "every call, connection and transaction ended and was given back"


def try_all(w):
	table, wrong = Table(), 0
	for fn in scenarios.ALL:
		for agent in (w.desk, w.far, w.zoneb, w.alice, w.bob):
			agent.reset()
		wrong += not attempt(table, fn.tried, lambda: fn(w))
	return table, wrong


def attempt(table, tried, fn):
	try:
		happened, why = fn()
	except Exception as e:  # noqa: BLE001  whatever it was, it is not what was expected
		table.row("FAIL", (tried, f"{type(e).__name__}: {str(e)[:600]}", "not as expected"))
		return False
	table.row("ok", (tried, happened, why))
	return True


def by_hand(w):
	cli = f"{w.edge.cli} -s {w.edge.socket}"
	cert, key, root = w.cert("partner").pem, w.cert("partner").key, w.pki.root
	text = f"""
It is left running. By hand, from {TREE}:
  {cli} status
  grep 'event=' {w.edge.dir}/sipwardd.log | tail          (one story: grep call=ID or conn=ID)
  kdig @{w.dns.ip} -p {w.dns.port} _sips._tcp.{PARTNER} SRV
  openssl s_client -connect {w.ip(10)}:{MUTUAL} -CAfile {root}                      (no certificate: refused)
  openssl s_client -connect {w.ip(10)}:{MUTUAL} -CAfile {root} -cert {cert} -key {key} -cert_chain {cert}
  openssl s_client -connect {w.ip(10)}:{PUBLIC} -CAfile {root}                      (5061: admitted as a stranger)
  call bob as alice, look, hang up:
    python3 tests/lib/lab/netstring.py {w.alice.ip} {w.alice.ctrl_port} dial sip:bob@{PARTNER}
    python3 tests/lib/lab/netstring.py {w.alice.ip} {w.alice.ctrl_port} audio_debug
    python3 tests/lib/lab/netstring.py {w.alice.ip} {w.alice.ctrl_port} hangup
  call alice as bob, over the partner's Kamailio:
    python3 tests/lib/lab/netstring.py {w.bob.ip} {w.bob.ctrl_port} dial sip:alice@{OURS}
  configuration: {w.edge.path}
  stop everything: scripts/quickstart --stop
"""
	print(text.replace(f"{TREE}/", "").replace(TREE, SHOWN))


def run(keep, done):
	"""Everything, in this process. done(status) is called when the result is known; with keep, it then waits to be stopped."""
	shutil.rmtree(RUN, ignore_errors=True)
	w = None
	status = 1
	try:
		print("== starting: Knot, Kamailio, baresip, SIPp behind stunnel, sipwardd")
		w = World(RUN)
		w.edge = w.start_edge()
		started = time.monotonic()
		table, wrong = try_all(w)
		if not keep:
			wrong += not attempt(table, "afterwards, when all peers have left", lambda: emptied(w))
		print(f"\n{len(scenarios.ALL) + (not keep) - wrong} as expected, {wrong} not, in {time.monotonic() - started:.0f} s. "
			f"Logs: {os.path.relpath(RUN, TREE)}/")
		status = 1 if wrong else 0
		if keep:
			by_hand(w)
			with open(PIDFILE, "w") as f:
				f.write(str(os.getpid()))
			done(status)
			while True:
				signal.pause()  # until --stop: its SIGTERM raises SystemExit
	except proc.Missing as e:
		print(e, file=sys.stderr)
	finally:
		if w:
			w.close()
		if keep and os.path.exists(PIDFILE):
			os.unlink(PIDFILE)
	return status


def in_background():
	"""The lab lives in a child of its own; this process ends as soon as the table is known."""
	r, wr = os.pipe()
	if os.fork():
		os.close(wr)
		got = os.read(r, 1)
		return got[0] if got else 1
	os.close(r)
	os.setsid()
	def done(status):
		sys.stdout.flush()
		os.write(wr, bytes([status]))
		os.close(wr)
		quiet = os.open(os.devnull, os.O_RDWR)
		for fd in (0, 1, 2):
			os.dup2(quiet, fd)
	try:
		run(True, done)
	except SystemExit:
		pass
	finally:
		proc.reap_all()
		os._exit(0)


def main(argv):
	os.chdir(TREE)
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
	stopped = stop_kept()
	if argv == ["--stop"]:
		if not stopped:
			print("nothing is running")
		return 0
	if argv == ["--keep"]:
		return in_background()
	try:
		return run(False, lambda _: None)
	finally:
		proc.reap_all()


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))
