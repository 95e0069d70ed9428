# SPDX-License-Identifier: Apache-2.0
"""sipward check as a user meets it: its options, its progress, its exit statuses and the seven forms of its report, over real servers."""
import fcntl
import itertools
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import xml.etree.ElementTree as ElementTree
import zlib

import pytest

from conftest import lacking
from lab import proc
from lab.dns import Knot
from lab.net import Block, wait_until
from lab.pki import Pki
from lab.sipward import TREE, binaries, libconfig
from lab.sserver import SServer, answer

SUITES = ["-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20"]
FORMS = ("text", "json", "jsonl", "junit", "html", "nagios", "prom")
RAISED = ("fail", "unknown", "warn")
HOSTILE = "<script>document.title='broken into'</script>"


class Lab:
	"""healthy.test: two servers. broken.test: the second one's certificate has ended. mute.test: takes connections and says nothing."""

	def __init__(self):
		self.dir = tempfile.mkdtemp(prefix="sipward-reports-")
		self.block = Block()
		self.ip, self.closing = self.block.ip, []
		try:
			self._up()
		except BaseException:
			self.close()
			raise

	def _up(self):
		self.pki = Pki(f"{self.dir}/pki")
		good = self.pki.one("good", san="DNS:healthy.test,DNS:broken.test,DNS:hostile.test,DNS:warned.test,DNS:e1.healthy.test")
		old = self.pki.one("old", san="DNS:broken.test", valid="past")
		self.ours = self.pki.one("ours", san="DNS:ours.test,DNS:edge.ours.test")
		def zone(*last):
			return [row for n, l in enumerate(last, 1) for row in (f"_sips._tcp SRV {n}0 10 5061 e{n}", f"e{n} A {self.ip(l)}")]
		self.dns = Knot(f"{self.dir}/dns", self.ip(53), {"healthy.test": zone(10, 11), "broken.test": zone(10, 12), "mute.test": zone(13),
			"hostile.test": zone(14), "warned.test": zone(15), "moves.test": zone(10), "ours.test": [],
			"test": []})  # whose records decide where there are none below
		self.closing.append(self.dns.stop)
		self.dns.start()
		hello = answer(Server=HOSTILE)
		for last, cert, options, more in ((10, good, SUITES, {}), (11, good, SUITES, {}), (12, old, SUITES, {}), (14, good, SUITES, {"sip": hello}),
				(15, good, ["-cipher", "ECDHE+AES"], {})):
			self.closing.append(SServer(f"{self.dir}/servers", self.ip(last), cert, *options, **more).stop)
		mute = socket.socket()
		mute.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		mute.bind((self.ip(13), 5061))
		mute.listen(64)
		self.closing.append(mute.close)

	def argv(self, *args, dns=None):
		return [binaries()[1], "check", "--dns", dns or f"{self.ip(53)}:{self.dns.port}", "--allow", "127.0.0.0/8", "--ca", self.pki.root,
			"--timeout", "2s", *args]

	def env(self, **more):
		e = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR") and not k.startswith("SIPWARD_")}
		return {**e, "LC_ALL": "C.UTF-8", "SIPWARD_PROFILES": f"{TREE}/conf/profiles", **more}

	def check(self, *args, dns=None, env=None, timeout=60):
		return subprocess.run(self.argv(*args, dns=dns), capture_output=True, text=True, timeout=timeout, env=self.env(**(env or {})))

	def json(self, *args, **more):
		r = self.check("-o", "json", *args, **more)
		assert r.stdout.startswith("{"), r.stderr
		return json.loads(r.stdout)

	def write(self, name, text):
		with open(f"{self.dir}/{name}", "w") as f:
			f.write(text)
		return f"{self.dir}/{name}"

	def conf(self):
		"""A deployment of ours.test that calls healthy.test; its path."""
		return self.write("sipward.conf", "".join(f"{k} = {libconfig(v)};\n" for k, v in {
			"node": {"host": "edge.ours.test", "user": "root", "state_dir": f"{self.dir}/state", "control": f"{self.dir}/state/control"},
			"local_domains": ["ours.test"],
			"listeners": [{"name": "mutual", "transport": "mtls", "addresses": [self.ip(1)], "port": 5062, "host": "edge.ours.test",
				"cert": self.ours.pem, "key": self.ours.key}],
			"zones": [{"name": "partner", "kind": "dns", "listeners": ["mutual"], "domains": ["healthy.test"], "names": ["healthy.test"],
				"trust": [self.pki.root], "target_networks": ["127.0.0.0/8"]}],
			"routes": [{"name": "out", "domain": "healthy.test", "to": "partner"}],
			"media": {"interfaces": [{"name": "lab", "address": self.ip(1)}]},
			"dns": {"servers": [f"{self.ip(53)}:{self.dns.port}"]},
		}.items()))

	def close(self):
		while self.closing:
			self.closing.pop()()
		self.block.release()
		if not os.environ.get("SIPWARD_KEEP"):
			shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def lab():
	try:
		it = Lab()
	except proc.Missing as e:
		lacking(e)
	yield it
	it.close()


def sipward(*args, **more):
	return proc.run([binaries()[1], *args], check=False, **more)


def raised(doc):
	return {r["id"]: r["status"] for r in doc["results"] if r["status"] in RAISED}


# --- text ---

def test_text_ends_with_what_to_do(lab):
	r = lab.check("broken.test")
	assert r.returncode == 2 and r.stderr == "", r.stderr
	assert "\033" not in r.stdout, "no colours where there is no terminal"
	assert re.search(r"^  ✗ FAIL +tls\.expired +e2\.broken\.test:5061 \[", r.stdout, re.M), r.stdout
	assert r.stdout.index("Failed") < r.stdout.index("Passed") < r.stdout.index("✗ FAIL    broken.test:"), "the worst first, the verdict after"
	body, last = r.stdout.split("\nWhat to do next\n")
	assert re.match(r"1\. tls\.expired  e2\.broken\.test:5061 \[[\d.]+\]\nRenew it", last), last
	assert last.rstrip().endswith("More of each: sipward explain ID"), "nothing stands below it"
	assert not re.search(r"^[ \t]", last, re.M), "what is pasted begins at the margin"
	for id in re.findall(r"^  [✗?!] \w+ +(\S+)", body, re.M):
		assert id in last, f"nothing to do about {id}"


def test_text_of_what_is_fine(lab):
	r = lab.check("healthy.test")
	assert r.returncode == 0 and "What to do next" not in r.stdout, r.stdout
	assert "tls.handshake" not in r.stdout, "what passed is counted"
	long = lab.check("-v", "healthy.test").stdout
	assert re.search(r"✓ PASS +tls\.handshake +e1\.healthy\.test", long) and "not_after: 20" in long and " source " in long, long
	short = lab.check("-q", "healthy.test")
	assert re.fullmatch(r"✓ PASS +healthy\.test: 0 failed, .*\n", short.stdout.lstrip()), short.stdout


# --- JSON and its kin ---

@pytest.fixture(scope="module")
def schema():
	try:
		import jsonschema
	except ImportError:
		lacking("missing: jsonschema (apt-get install python3-jsonschema)")
	with open(f"{TREE}/dist/schema/check-1.json") as f:
		it = json.load(f)
	jsonschema.Draft202012Validator.check_schema(it)
	return jsonschema.Draft202012Validator(it)


@pytest.mark.parametrize("args", (
	["healthy.test"], ["broken.test"], ["hostile.test"], ["none.test"], ["--deadline", "1s", "--timeout", "10s", "mute.test"],
	["--at", "2040-01-01T00:00:00Z", "healthy.test"], ["-4", "healthy.test", "broken.test"], ["-p", "webex-hybrid", "healthy.test"],
), ids=lambda a: "-".join(a))
def test_json_is_of_the_schema(lab, schema, args):
	doc = lab.json(*args)
	schema.validate(doc)
	assert doc["summary"]["exit"] in (0, 2, 3)
	for status in ("pass", "skip", "warn", "unknown", "fail"):
		assert doc["summary"][status] == sum(r["status"] == status for r in doc["results"])
	for r in doc["results"]:
		assert r["status"] not in RAISED or r["fix"] or r["cause"] is not None, f"nothing to do about {r}"


def test_the_schema_refuses_what_is_none(lab, schema):
	doc = lab.json("healthy.test")
	for change in ({"results": [{**doc["results"][0], "id": "dns.no-such-id"}]}, {"results": [{**doc["results"][0], "status": "good"}]},
			{"summary": {**doc["summary"], "exit": 64}}, {"extra": 1}):
		assert list(schema.iter_errors({**doc, **change})), change


def test_json_is_the_same_from_run_to_run(lab):
	def without_times():
		rows = [{**r, "duration_ms": 0, "evidence": [e for e in r["evidence"] if not e["key"].endswith("_ms")]} for r in lab.json("broken.test")["results"]]
		return re.sub(r"\d+(\.\d+)? ms", "N ms", json.dumps(rows, indent=1)).splitlines()
	first = without_times()
	for _ in range(2):
		assert without_times() == first


def test_jsonl_streams(lab):
	r = lab.check("-o", "jsonl", "broken.test")
	rows = [json.loads(l) for l in r.stdout.splitlines()]
	assert r.returncode == 2 and rows[-1]["summary"]["exit"] == 2, rows[-1]
	whole = lab.json("broken.test")["results"]
	assert sorted((x["id"], x["subject"], x["status"]) for x in rows[:-1]) == sorted((x["id"], x["subject"], x["status"]) for x in whole)


def test_jsonl_comes_at_once(lab):
	"""The first line is there long before the run's end."""
	p = subprocess.Popen(lab.argv("-o", "jsonl", "--timeout", "20s", "--deadline", "20s", "mute.test"), stdout=subprocess.PIPE, text=True, env=lab.env())
	try:
		assert json.loads(p.stdout.readline())["stage"] == "dns"
		assert p.poll() is None
	finally:
		p.send_signal(signal.SIGINT)
		rest = p.stdout.read().splitlines()
		p.wait(10)
	assert json.loads(rest[-1])["summary"]["stopped"] is True


def test_junit(lab):
	r = lab.check("-o", "junit", "broken.test")
	root = ElementTree.fromstring(r.stdout)
	summary = lab.json("broken.test")["summary"]
	cases = list(root.iter("testcase"))
	assert len(cases) == sum(summary[s] for s in ("pass", "skip", "warn", "unknown", "fail"))
	assert len(list(root.iter("failure"))) == summary["fail"] == sum(int(s.get("failures")) for s in root.iter("testsuite"))
	bad = next(c for c in cases if c.find("failure") is not None)
	assert "tls.expired" in bad.get("name") + bad.get("classname") and "Renew it" in bad.find("failure").text
	strict = ElementTree.fromstring(lab.check("-o", "junit", "--fail-on", "warn", "warned.test").stdout)
	assert list(strict.iter("failure")), "with --fail-on warn a warning is a failure"
	assert not list(ElementTree.fromstring(lab.check("-o", "junit", "warned.test").stdout).iter("failure"))


PERFDATA = re.compile(r"(?P<label>\w+)=(?P<value>-?\d+(\.\d+)?)(?P<unit>ms|s|%|B|c)?(;(?P<rest>[-\d.:~@]*(;[-\d.:~@]*)*))?")


@pytest.mark.parametrize("target,word,code", (("healthy.test", "OK", 0), ("warned.test", "WARNING", 1), ("broken.test", "CRITICAL", 2),
	("mute.test", None, None)))
def test_nagios(lab, target, word, code):
	r = lab.check("-o", "nagios", "--deadline", "8s", target)
	assert r.stdout.count("\n") == 1 and r.stdout.count("|") == 1, r.stdout
	line, perf = r.stdout.rstrip("\n").split(" | ")
	said = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[r.returncode]
	assert line.startswith(f"SIPWARD {said} - {target}:"), line
	assert code is None or (r.returncode, said) == (code, word), r.stdout
	for field in perf.split():
		assert PERFDATA.fullmatch(field), field
	if code == 0:
		days = int(re.search(r"days_leaf=(-?\d+)", perf)[1])
		assert 300 < days < 400 and f"expires in {days} d" in line
	if code == 2:
		assert "tls.expired" in line and int(re.search(r"days_leaf=(-?\d+)", perf)[1]) < 0


SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (-?\d+(?:\.\d+)?)')


def exposition(text):
	"""{series: value}; complains about all that a textfile collector would not take."""
	kinds, helped, out, family = {}, set(), {}, []
	assert text.endswith("\n")
	for line in text.splitlines():
		if line.startswith("# HELP "):
			name = line.split()[2]
			assert name not in helped, f"HELP twice: {name}"
			helped.add(name)
			continue
		if line.startswith("# TYPE "):
			_, _, name, kind = line.split()
			assert name in helped and name not in kinds and kind in ("gauge", "counter"), line
			kinds[name] = kind
			family.append(name)
			continue
		m = SAMPLE.fullmatch(line)
		assert m, f"no sample: {line}"
		assert m[1] == family[-1], f"{m[1]} stands among {family[-1]}"
		labels = re.findall(r'([a-z_]+)="', m[2])
		assert len(labels) == len(set(labels))
		assert line.rsplit(" ", 1)[0] not in out, f"twice: {line}"
		out[line.rsplit(" ", 1)[0]] = float(m[3])
	return out


@pytest.mark.parametrize("target,code", (("healthy.test", 0), ("broken.test", 2), ("hostile.test", 0)))
def test_prom(lab, target, code):
	path = f"{lab.dir}/{target}.prom"
	r = lab.check("-o", "prom", "--output-file", path, target)
	assert r.returncode == code and r.stdout == "", r.stdout + r.stderr
	with open(path) as f:
		text = f.read()
	got = exposition(text)
	who = f'target="{target}",profile="b2b"'
	assert got[f"sipward_check_exit_status{{{who}}}"] == code
	assert got.get(f'sipward_check_result{{id="tls.expired",{who}}}', 0) == code and got[f'sipward_check_result{{id="tls.handshake",{who}}}'] == 0
	assert abs(got[f"sipward_check_last_run_timestamp_seconds{{{who}}}"] - time.time()) < 60
	assert any(k.startswith("sipward_check_certificate_not_after_timestamp_seconds{") for k in got)
	if shutil.which("promtool"):
		proc.run(["promtool", "check", "metrics"], stdin=text)


# --- the file, and what changed since ---

def test_output_file_is_whole_or_the_earlier_one(lab):
	path = lab.write("report.json", "the earlier one")
	r = lab.check("-o", "json", "--output-file", path, "healthy.test")
	assert r.returncode == 0 and r.stdout == ""
	with open(path) as f:
		assert json.load(f)["summary"]["exit"] == 0
	assert [n for n in os.listdir(lab.dir) if n.startswith("report.json.")] == [], "nothing stays behind"
	r = lab.check("-o", "json", "--output-file", f"{lab.dir}/no/such/folder", "healthy.test")
	assert r.returncode == 73 and "/no/such/folder" in r.stderr, r.stderr


def test_baseline_tells_what_changed(lab, schema):
	before = f"{lab.dir}/before.json"
	assert lab.check("-o", "json", "--output-file", before, "moves.test").returncode in (0, 2)
	assert ": nothing changed\n" in lab.check("--baseline", before, "moves.test").stdout
	lab.dns.change("moves.test", ("unset", "e1", "A"), ("set", "e1", 5, "A", lab.ip(12)))
	try:
		r = lab.check("--baseline", before, "moves.test")
		doc = lab.json("--baseline", before, "moves.test")
		page = lab.check("--baseline", before, "-o", "html", "moves.test").stdout
	finally:
		lab.dns.change("moves.test", ("unset", "e1", "A"), ("set", "e1", 5, "A", lab.ip(10)))
	assert re.search(r"^Since 20\S+Z\n", r.stdout, re.M) and re.search(r"^  (new|changed) +tls\.expired .*fail$", r.stdout, re.M), r.stdout
	schema.validate(doc)
	assert any(c["id"] == "tls.expired" and c["is"] == "fail" for c in doc["baseline"]["changes"]), doc["baseline"]
	assert "Since 20" in page and "tls.expired" in page
	for text, why in (("{", "not JSON"), ('{"schema":"other"}', "not a report"), (None, "not there")):
		path = lab.write("bad.json", text) if text else f"{lab.dir}/absent.json"
		r = lab.check("--baseline", path, "healthy.test")
		assert r.returncode == 66 and path in r.stderr and r.stdout == "", (why, r.stderr)


# --- the end before the end ---

def test_interrupt_prints_what_there_is(lab, schema):
	began = time.monotonic()
	p = subprocess.Popen(lab.argv("-o", "json", "--progress", "plain", "--timeout", "30s", "--deadline", "60s", "healthy.test", "mute.test"),
		stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=lab.env())
	said = []
	reader = threading.Thread(target=lambda: said.extend(iter(p.stderr.readline, "")))
	reader.start()
	try:
		wait_until("the healthy half to be done", lambda: sum("tls" in l or "5061" in l for l in said) >= 4, 20)
		p.send_signal(signal.SIGINT)
		out = p.stdout.read()
		assert p.wait(10) == 3, "what was not looked at has not passed"
	finally:
		if p.poll() is None:
			p.kill()
			p.wait()
		reader.join()
	assert time.monotonic() - began < 20, "nobody waits for the mute one"
	doc = json.loads(out)
	schema.validate(doc)
	assert doc["summary"]["stopped"] and doc["summary"]["pass"] > 10 and "unknown" in raised(doc).values(), raised(doc)


@pytest.mark.parametrize("form", FORMS)
def test_interrupted_in_every_form(lab, form):
	p = subprocess.Popen(lab.argv("-o", form, "--timeout", "30s", "mute.test"), stdout=subprocess.PIPE, text=True, env=lab.env(CI="1"),
		stderr=subprocess.PIPE)
	assert p.stderr.readline().startswith("["), "a probe has ended"
	p.send_signal(signal.SIGINT)
	out, _ = p.communicate(timeout=15)
	assert p.returncode == 3 and out.strip(), (p.returncode, out)
	if form in ("text", "html"):
		assert "topped before the end" in out


def test_deadline(lab):
	began = time.monotonic()
	r = lab.check("--deadline", "1s", "--timeout", "30s", "mute.test")
	assert time.monotonic() - began < 6
	assert r.returncode == 3 and "? UNKNOWN tls.handshake" in r.stdout and "the deadline passed" in r.stdout, r.stdout
	assert "FAIL" not in r.stdout, "the peer is not to blame for our haste"


# --- progress ---

def on_a_terminal(argv, env, keys=None):
	"""(status, all that came to a terminal of 100 columns). keys(master) is called in a thread."""
	pid, master = pty.fork()
	if pid == 0:
		os.execve(argv[0], argv, env)
	fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
	out = b""
	while True:
		try:
			piece = os.read(master, 65536)
		except OSError:
			piece = b""
		if not piece:
			break
		out += piece
		if keys and keys[0] in out:
			os.write(master, keys[1])
			keys = None
	os.close(master)
	return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode("utf-8", "replace")


def test_live_on_a_terminal(lab):
	code, out = on_a_terminal(lab.argv("--deadline", "2s", "mute.test"), lab.env(TERM="xterm"))
	frames = out.split("\033[J")
	assert len(frames) > 8, "it moves"
	assert len({m[0] for f in frames for m in re.finditer("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", f)}) > 4, "the spinner turns"
	assert any(re.search(r"✓ dns .*\n?.*tls +0/\d", f, re.S) for f in frames), "a line for each stage"
	seen = [float(m) for m in re.findall(r"\d+ of \d+, ([\d.]+) s", out)]
	assert seen == sorted(seen) and seen[-1] >= 1, "the time goes on"
	assert "UNKNOWN" in frames[-1] and not re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", frames[-1]), "gone when the report comes"
	assert "\033[1;3" in frames[-1] and code == 3, "colours on a terminal"
	_, plain = on_a_terminal(lab.argv("--no-color", "--progress", "none", "healthy.test"), lab.env(TERM="xterm"))
	assert "\033" not in plain
	_, plain = on_a_terminal(lab.argv("--progress", "none", "healthy.test"), lab.env(TERM="xterm", NO_COLOR="1"))
	assert "\033" not in plain


def test_ctrl_c_on_a_terminal(lab):
	code, out = on_a_terminal(lab.argv("--timeout", "30s", "mute.test"), lab.env(TERM="xterm"), (b" tls ", b"\x03"))
	assert code == 3 and "stopped before the end" in out and "What to do next" in out.split("\033[J")[-1], out[-2000:]


def test_plain_lines_in_ci_and_silence(lab):
	r = lab.check("healthy.test", env={"CI": "true"})
	lines = r.stderr.splitlines()
	assert lines and all(re.fullmatch(r"\[\d+/\d+\] .+ \.\.\. (ok|skipped|warning|FAILED|unknown) \d+ ms", l) for l in lines), r.stderr
	assert re.match(r"\[(\d+)/\1\] ", lines[-1]), "the last of all"
	assert lab.check("-q", "healthy.test", env={"CI": "true"}).stderr == ""
	assert lab.check("--progress", "none", "healthy.test", env={"CI": "true"}).stderr == ""
	assert lab.check("healthy.test").stderr == "", "a file is no terminal"


# --- exit statuses ---

@pytest.mark.parametrize("args,code", (
	(["healthy.test"], 0), (["warned.test"], 0), (["--fail-on", "warn", "warned.test"], 1), (["--fail-on", "fail", "warned.test"], 0),
	(["broken.test"], 2), (["--fail-on", "warn", "broken.test"], 2), (["healthy.test", "broken.test"], 2),
))
def test_exit(lab, args, code):
	assert lab.check(*args).returncode == code


def test_exit_of_what_cannot_be_told(lab):
	r = lab.check("healthy.test", dns=f"{lab.ip(52)}:53")  # nobody is there
	assert r.returncode == 3 and "✓ PASS    healthy.test" not in r.stdout, r.stdout


USAGE = (["--no-such"], ["--at", "yesterday", "x.test"], ["--timeout", "0", "x.test"], ["--timeout", "5 parsecs", "x.test"], ["-o", "xml", "x.test"],
	["--fail-on", "never", "x.test"], ["--dns", "not-an-address", "x.test"], ["--allow", "here", "x.test"], ["--cert", "a.pem", "x.test"],
	["--proxy", "http://me:secret@proxy:3128", "x.test"], ["exa mple.test"], ["x.test:99999"], ["http://x.test"], [])


@pytest.mark.parametrize("args", USAGE, ids=lambda a: "_".join(a) or "nothing")
def test_usage(lab, args):
	r = sipward("check", *args)
	assert r.returncode == 64 and r.stdout == "" and r.stderr.strip(), r.stdout
	assert "secret" not in r.stderr
	r = sipward("check", "-o", "nagios", *[a for a in args if a not in ("-o", "xml")])
	assert r.returncode == 3 and (args[:1] == ["-o"] or r.stdout.startswith("SIPWARD UNKNOWN - ")), "monitoring knows 0 to 3"


def test_configuration_that_is_none(lab):
	r = lab.check("-f", lab.write("bad.conf", "zones = (;\n"))
	assert r.returncode == 78 and "bad.conf:1" in r.stderr, r.stderr
	assert lab.check("-f", f"{lab.dir}/absent.conf").returncode in (66, 78)
	r = lab.check("-f", lab.conf(), "--zone", "nobody", "healthy.test")
	assert r.returncode == 64 and "nobody" in r.stderr
	r = lab.check("-p", "no-such-profile", "healthy.test")
	assert r.returncode == 64 and "no-such-profile" in r.stderr


def test_help_is_for_standard_output():
	r = sipward("check", "--help")
	assert r.returncode == 0 and r.stderr == "" and "usage: sipward check" in r.stdout


# --- targets and options ---

@pytest.mark.parametrize("target", ("healthy.test", "e1.healthy.test:5061", "{ip}:5061", "sips:bob@healthy.test", "sip:bob@healthy.test;transport=tls",
	"sips:e1.healthy.test:5061"))
def test_forms_of_a_target(lab, target):
	doc = lab.json(target.format(ip=lab.ip(10)))
	assert any(r["id"] == "tls.handshake" and r["status"] == "pass" and lab.ip(10) in r["subject"] for r in doc["results"]), raised(doc)


def test_at(lab):
	assert "tls.expired" not in raised(lab.json("healthy.test"))
	doc = lab.json("--at", "2040-01-01T00:00:00Z", "healthy.test")
	assert raised(doc)["tls.expired"] == "fail" and doc["judged_at"] == "2040-01-01T00:00:00Z"


def test_ca(lab):
	doc = lab.json("--ca", lab.pki.rogue_root, "healthy.test")
	assert [r for r in doc["results"] if r["id"].startswith("tls.chain") and r["status"] == "fail"], raised(doc)


def test_family(lab):
	assert lab.json("-4", "healthy.test")["summary"]["exit"] == 0
	doc = lab.json("-6", "healthy.test")
	assert doc["summary"]["exit"] in (2, 3) and not any(r["stage"] in ("tls", "sip") for r in doc["results"]), "there is no IPv6 address"


def test_our_certificate(lab):
	def own(*args):
		return {r["id"]: r["status"] for r in lab.json(*args, "healthy.test")["results"] if r["id"].startswith("tls.own")}
	assert own("--cert", lab.ours.pem, "--key", lab.ours.key) and not own()
	assert "fail" in own("--cert", lab.ours.pem, "--key", lab.pki.cert("old").key).values(), "the key is of another certificate"


def test_as_a_zone(lab):
	doc = lab.json("-f", lab.conf(), "--zone", "partner", "healthy.test")
	assert doc["summary"]["exit"] == 0, raised(doc)
	assert any(r["id"].startswith("tls.own") for r in doc["results"]), "the zone's certificate is the one shown"


def test_a_whole_deployment(lab):
	"""Without a target: the listener's certificate and domain, and whom the zones call."""
	doc = lab.json("-f", lab.conf(), "--from-host")
	subjects = " ".join(r["subject"] for r in doc["results"])
	for word in ("healthy.test", "ours.test", f"[{lab.ip(10)}]", f"[{lab.ip(11)}]"):
		assert word in subjects, f"{word} was not looked at: {subjects}"
	ids = {r["id"] for r in doc["results"]}
	assert any(i.startswith("conf.") or i.startswith("host.") for i in ids) and {"dns.srv", "tls.handshake", "sip.options"} <= ids, ids


def test_the_environment_gives_options(lab):
	assert lab.check("warned.test", env={"SIPWARD_FAIL_ON": "warn"}).returncode == 1
	assert lab.check("--fail-on", "fail", "warned.test", env={"SIPWARD_FAIL_ON": "warn"}).returncode == 0, "the command line counts"
	assert lab.check("healthy.test", env={"SIPWARD_OUTPUT": "nagios"}).stdout.startswith("SIPWARD OK")


SECRET = "hunter2-and-a-half"


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_in_any_report(lab, form):
	r = lab.check("-o", form, "-v", "--proxy", f"http://{lab.ip(99)}:3128", "--proxy-user", "me", "--turn-host", f"{lab.ip(99)}:3478", "--turn-user", "me",
		"--via", f"{lab.ip(99)}:9", "healthy.test",
		env={"SIPWARD_PROXY_PASSWORD": SECRET, "SIPWARD_TURN_PASSWORD": SECRET, "SIPWARD_REFLECT_SECRET": SECRET})
	assert r.stdout and SECRET not in r.stdout + r.stderr
	assert r.returncode in (2, 3), "the proxy is not there"


# --- HTML, in a browser ---

class Browser:
	def __init__(self, dir):
		self.chromium, self.dir = proc.need("chromium")[0], dir
		self.profiles = itertools.count()

	def run(self, page, *args):
		"""A throw-away profile each: the browser locks it."""
		r = proc.run([self.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
			f"--user-data-dir={self.dir}/browser-{next(self.profiles)}", "--window-size=1000,1400", *args, f"file://{page}"], timeout=90)
		return r.stdout

	def dom(self, page):
		return self.run(page, "--dump-dom")

	def shot(self, page, dark):
		path = f"{page}.{'dark' if dark else 'light'}.png"
		self.run(page, f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--screenshot={path}")
		with open(path, "rb") as f:
			return f.read()


def png(data):
	"""(width, height, the colour of the first pixel, how many bytes the picture's lines differ in)."""
	assert data[:8] == b"\x89PNG\r\n\x1a\n"
	width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
	at, body = 8, b""
	while at < len(data):
		n, name = struct.unpack(">I4s", data[at:at + 8])
		body += data[at + 8:at + 8 + n] if name == b"IDAT" else b""
		at += n + 12
	lines = zlib.decompress(body)
	assert depth == 8 and kind in (2, 6)
	# whatever the first line's filter: nothing is left of the first pixel or above it
	return width, height, tuple(lines[1:4]), len(body)


@pytest.fixture(scope="module")
def browser(lab):
	try:
		return Browser(lab.dir)
	except proc.Missing as e:
		lacking(e)


def page(lab, *args):
	path = f"{lab.dir}/{args[-1]}.html"
	lab.check("-o", "html", "--output-file", path, *args)
	return path


def test_html_shows_the_way_and_where_it_broke(lab, browser):
	path = page(lab, "broken.test")
	dom = browser.dom(path)
	way = re.search(r'<svg id="way".*?</svg>', dom, re.S)[0]
	rows = re.split(r'<text x="4"[^>]*><title>', way)[1:]
	assert len(rows) == 2
	for row, host in zip(rows, ("e1", "e2")):
		assert host in row
		assert re.findall(r'font-weight="700">(DNS|target|TLS|SIP|media)<', row) == ["DNS", "target", "TLS", "SIP", "media"]
	assert "broken at" not in rows[0]
	assert "broken at TLS: tls.expired" in rows[1] and re.search(r"TLS</text>.*?✗ FAIL", rows[1], re.S)
	line = re.search(r'<svg id="timeline".*?</svg>', dom, re.S)[0]
	assert re.search(r"CN=old.*ended \d+ days ago", line) and re.search(r"CN=good.*\d+ days left", line) and ">now<" in line
	assert "<script" not in dom and "http://" not in re.sub(r'xmlns="[^"]*"', "", dom), "one file, that loads nothing"
	assert dom.index('id="todo"') > dom.index('id="timeline"') and "Renew it" in dom[dom.index('id="todo"'):]
	light, dark = png(browser.shot(path, False)), png(browser.shot(path, True))
	assert light[:2] == dark[:2] == (1000, 1400)
	assert min(light[2]) > 240 and max(dark[2]) < 40, "follows the reader's system"
	assert min(light[3], dark[3]) > 20000, "something is drawn"


def test_html_of_a_hostile_peer(lab, browser):
	"""What a server sends is shown, not run."""
	path = page(lab, "hostile.test")
	dom = browser.dom(path)
	assert "&lt;script&gt;" in dom and "<script" not in dom
	assert "<title>sipward check: hostile.test</title>" in dom


# --- one table of options, one list of ids ---

def words():
	rows = [l.split(" ", 2) for l in sipward("check", "--describe", "words").stdout.splitlines()]
	return {r[0]: (r[1], (r[2].split() if len(r) > 2 else [])) for r in rows}


def test_every_option_of_the_synopsis():
	have = {name.rstrip("=") for name in words()}
	want = "profile zone config cert key chain ca from-host at ipv4 ipv6 dns proxy via timeout deadline output fail-on baseline".split()
	assert {f"--{w}" for w in want} <= have


def test_help_manual_and_completion_agree():
	table = words()
	help = sipward("check", "--help").stdout
	with open(f"{TREE}/docs/man/sipward-check.1") as f:
		man = f.read()
	documented = set(re.findall(r"^\.It .*?Fl -([\w-]+)", man, re.M))
	named = {n.strip("-=") for n in table}
	assert named == {m for m in re.findall(r"^  .{0,4}--([\w-]+)", help, re.M)}
	assert named <= documented, named - documented
	def complete(*line):
		script = f'. {TREE}/dist/completion/sipward.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sipward; printf "%s\\n" "${{COMPREPLY[@]}}"'
		return set(proc.run(["bash", "-c", script, "bash", binaries()[1], "check", *line]).stdout.split())
	assert complete("--") == {n.rstrip("=") for n in table}
	for name, (letter, values) in table.items():
		if values and values != ["FILE"]:
			assert complete(name.rstrip("="), "") == set(values), name
			assert letter == "-" or complete(f"-{letter}", "") == set(values), name
	assert set(FORMS) == set(table["--output="][1])


def ids():
	return [l.split()[0] for l in sipward("explain", "--list").stdout.splitlines()]


def test_every_id_is_explained_and_listed():
	with open(f"{TREE}/dist/schema/check-1.json") as f:
		schema = json.load(f)["$defs"]
	with open(f"{TREE}/docs/findings.md") as f:
		pages = set(re.findall(r"^### (\S+)$", f.read(), re.M))
	all = ids()
	assert len(all) == len(set(all)) > 100
	assert set(schema["id"]["enum"]) == set(all) == pages
	for id in all:
		r = sipward("explain", id)
		assert r.returncode == 0 and r.stdout.startswith(f"{id}  ("), r.stderr
		said, todo = r.stdout.split("\nWhat to do\n")
		assert len(said) > 100 and len(todo.split("\nSource: ")[0]) > 10 and todo.split("\nSource: ")[1].strip(), r.stdout
	r = sipward("explain", "no.such.id")
	assert r.returncode == 64 and "--list" in r.stderr


def test_generated_pages_are_current():
	for how, path in (("--markdown", "docs/findings.md"), ("--schema", "dist/schema/check-1.json")):
		with open(f"{TREE}/{path}") as f:
			assert sipward("explain", how).stdout == f.read(), f"{path}: make findings-doc"
