# SPDX-License-Identifier: Apache-2.0
"""What sipward check says of a configuration and of the machine it stands on, each thing broken once.

The machine is a network namespace of its own: its ports, addresses and port settings are changed there and nowhere else.
"""
import ctypes
import json
import os
import re
import shutil
import tempfile
import time

import pytest

from conftest import lacking
from lab import proc
from lab.net import Block
from lab.pki import Pki
from lab.sipward import TREE, binaries, libconfig

RAISED = ("fail", "warn", "unknown")
HEALTHY = ("ip link set lo up; ip -6 addr add 2001:db8::1/128 dev lo; echo 36000-36999 >/proc/sys/net/ipv4/ip_local_reserved_ports; ")


class Lab:
	def __init__(self):
		self.dir = tempfile.mkdtemp(prefix="sipward-host-")
		os.chmod(self.dir, 0o755)
		self.block = Block()
		self.pki = Pki(f"{self.dir}/pki")
		self.ours = self.pki.one("ours", key="rsa:3072", san="DNS:edge.ours.test,DNS:ours.test")
		self.runs = 0

	def config(self):
		"""What a machine of its own has no fault to find with."""
		self.runs += 1
		state = f"{self.dir}/state-{self.runs}"
		return {
			"node": {"host": "edge.ours.test", "user": "root", "state_dir": state, "control": f"{state}/control"},
			"local_domains": ["ours.test"],
			"listeners": [{"name": "mutual", "transport": "mtls", "addresses": ["127.0.0.1"], "port": 5062, "host": "edge.ours.test",
				"cert": self.ours.pem, "key": self.ours.key}],
			"zones": [{"name": "pbx", "kind": "neighbor", "listeners": ["mutual"], "names": ["pbx.ours.test"], "internal": True,
				"trust": [self.pki.root], "targets": ["127.0.0.1:5099"], "target_networks": ["127.0.0.0/8"]}],
			"routes": [{"name": "in", "domain": "pbx.ours.test", "to": "pbx"}],
			"media": {"interfaces": [{"name": "lab", "address": "127.0.0.1"}], "ports": "36000-36999"},
			"dns": {"servers": ["127.0.0.1:9"], "timeout": "200ms"},
			"limits": {"connections": 2000},
		}

	def write(self, config):
		path = f"{self.dir}/{self.runs}.conf"
		os.makedirs(config["node"]["state_dir"], exist_ok=True)
		with open(path, "w") as f:
			f.write("".join(f"{k} = {libconfig(v)};\n" for k, v in config.items()))
		return path

	def argv(self, config, *args):
		return [binaries()[1], "check", "-f", self.write(config), "--from-host", "--allow", "127.0.0.0/8", "-p", f"{TREE}/conf/profiles/b2b.conf",
			"--timeout", "1s", "-o", "json", *args]

	def check(self, config=None, before="", *args):
		"""The results of the host stage, on a machine that before makes worse."""
		argv = self.argv(config or self.config(), *args)
		r = proc.run(["unshare", "--net", "bash", "-c", f'{HEALTHY}{before}\nexec "$@"', "sh", *argv], check=False,
			env={"CI": ""})
		assert r.stdout.startswith("{"), r.stderr
		return [x for x in json.loads(r.stdout)["results"] if x["stage"] == "host"]

	def close(self):
		self.block.release()
		shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def host():
	if proc.run(["unshare", "--net", "bash", "-c", HEALTHY], check=False).returncode:
		pytest.skip("no network namespaces with settings of their own here")
	try:
		it = Lab()
	except proc.Missing as e:
		lacking(e)
	yield it
	it.close()


def raised(results):
	"""What is not fine. The clock is the real machine's, and whether anybody keeps it is not up to us."""
	return {r["id"]: r["status"] for r in results if r["status"] in RAISED and r["id"] != "host.clock"}


def one(results, id, status):
	got = [r for r in results if r["id"] == id and r["status"] == status]
	assert len(got) == 1, [(r["id"], r["status"], r["found"]) for r in results]
	return got[0]


def test_a_machine_that_is_fit(host):
	results = host.check()
	assert raised(results) == {}, [r for r in results if r["status"] in RAISED]
	assert {r["id"] for r in results if r["status"] == "pass"} >= {"conf.loads", "conf.listener", "host.reserved-ports", "host.ports-taken",
		"host.descriptors", "host.ipv6", "host.capacity"}


# --- the machine ---

def test_ports_the_kernel_gives_away(host):
	r = one(host.check(before="echo 5000,36000-36499 >/proc/sys/net/ipv4/ip_local_reserved_ports"), "host.reserved-ports", "warn")
	assert "500 of the media ports" in r["found"] and "from 36500" in r["found"], r
	assert "5000" in r["fix"] and "36000-36999" in r["fix"], "what is reserved already stays so"
	fine = host.check(before="echo >/proc/sys/net/ipv4/ip_local_reserved_ports; echo 40000 60999 >/proc/sys/net/ipv4/ip_local_port_range")
	assert one(fine, "host.reserved-ports", "pass"), "outside of the kernel's range there is nothing to reserve"


def test_somebody_on_a_media_port(host):
	hold = "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 36500)); print('held', flush=True); time.sleep(60)"
	before = f'coproc /usr/bin/python3 -c "{hold}"; read -r held <&"${{COPROC[0]}}"; holder=$COPROC_PID; "$@"; kill $holder; exit 0'
	r = one(host.check(None, before), "host.ports-taken", "warn")
	assert r["found"].startswith("1 in use") and "ss -lunp" in r["fix"], r


def test_too_few_descriptors(host):
	r = one(host.check(before="ulimit -n 1024"), "host.descriptors", "warn")
	assert r["found"] == "1024" and re.search(r"^LimitNOFILE=\d+$", r["fix"], re.M), r


def test_clock(host):
	"""As the kernel says (struct timex: status is the int after five longs)."""
	results = {r["status"] for r in host.check() if r["id"] == "host.clock"}
	buf = (ctypes.c_long * 64)()
	state = ctypes.CDLL(None).adjtimex(buf)
	status = ctypes.cast(ctypes.byref(buf, 5 * ctypes.sizeof(ctypes.c_long)), ctypes.POINTER(ctypes.c_int))[0]
	assert results == ({"unknown"} if state < 0 else {"warn"} if status & 0x40 else {"pass"})


def test_no_ipv6(host):
	results = host.check(before="ip -6 addr del 2001:db8::1/128 dev lo")
	assert one(results, "host.ipv6", "skip")["found"] == "none" and raised(results) == {}
	assert not [r for r in host.check(None, "", "-4") if r["id"] == "host.ipv6"], "not asked for"


def test_more_calls_than_ports(host):
	config = host.config()
	config["limits"]["calls"] = 501
	r = one(host.check(config), "host.capacity", "warn")
	assert "501" in r["expected"] and "500 on two" in r["found"], r
	config["limits"]["calls"] = 500
	assert one(host.check(config), "host.capacity", "pass")


# --- the configuration ---

@pytest.mark.parametrize("change,word", (
	(lambda c, lab: c["listeners"][0].update(cert=f"{lab.dir}/absent.pem"), "absent.pem"),
	(lambda c, lab: c["listeners"][0].update(key=lab.pki.cert("partner").key), "does not belong"),
	(lambda c, lab: c["zones"][0].update(trust=[lab.ours.key]), "ours.key"),
), ids=("no-certificate", "another-key", "no-trust-list"))
def test_what_cannot_be_loaded(host, change, word):
	config = host.config()
	change(config, host)
	bad = [r for r in host.check(config) if r["id"] == "conf.loads" and r["status"] == "fail"]
	assert bad and word in " ".join(r["found"] for r in bad), bad
	said = proc.run([binaries()[0], "-f", host.write(config), "--check"], check=False)
	assert said.returncode and word in said.stdout + said.stderr, "the daemon says the same"


def test_addresses_and_ports(host):
	config = host.config()
	config["listeners"][0]["addresses"] = ["192.0.2.1"]
	r = one(host.check(config), "conf.listener", "fail")
	assert "192.0.2.1:5062" in r["subject"] and "assign" in r["found"], r
	hold = "import socket, time; s = socket.create_server(('127.0.0.1', 5062)); print('held', flush=True); time.sleep(60)"
	before = f'coproc /usr/bin/python3 -c "{hold}"; read -r held <&"${{COPROC[0]}}"; holder=$COPROC_PID; "$@"; kill $holder; exit 0'
	r = one(host.check(None, before), "conf.listener", "fail")
	assert "127.0.0.1:5062" in r["subject"] and "in use" in r["found"].lower(), r
	config = host.config()
	config["media"]["interfaces"][0]["address"] = "192.0.2.7"
	r = one(host.check(config), "conf.listener", "fail")
	assert "media" in r["subject"] and "192.0.2.7" in r["subject"], r


def partner(host):
	config = host.config()
	config["zones"].append({"name": "partner", "kind": "dns", "listeners": ["mutual"], "domains": ["partner.test"], "names": ["partner.test"],
		"trust": [host.pki.root]})
	config["routes"].append({"name": "out", "domain": "partner.test", "to": "partner"})
	return config


def test_proofs(host):
	config = partner(host)
	r = one(host.check(config), "conf.proof", "unknown")
	assert "store" in r["found"] and "sipward.db" in r["fix"], "a check makes no store"
	assert os.listdir(config["node"]["state_dir"]) == []
	token = proc.run([binaries()[1], "-f", host.write(config), "domain", "token", "other.test"], check=False)
	assert token.returncode == 0, token.stderr
	r = one(host.check(config), "conf.proof", "fail")
	assert "partner.test" in r["subject"] and "no token" in r["found"] and r["fix"] == "sipward domain token partner.test\nsipward domain verify partner.test", r
	proc.run([binaries()[1], "-f", host.write(config), "domain", "token", "partner.test"])
	r = one(host.check(config), "conf.proof", "fail")
	assert "no token" not in r["found"], r


# --- bounds ---

def test_more_than_a_run_takes(host):
	"""A check of a monstrous deployment ends, and says that it was cut short."""
	config = host.config()
	many = [f"127.{z}.0.{n}:5099" for z in range(33) for n in range(1, 65)]
	config["zones"] = [{**config["zones"][0], "name": f"pbx{z}", "names": [f"pbx{z}.ours.test"], "targets": many[z * 64:z * 64 + 64]} for z in range(33)]
	config["routes"][0]["to"] = "pbx0"
	began = time.monotonic()
	r = proc.run(["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *host.argv(config)], check=False, timeout=60)
	doc = json.loads(r.stdout) if r.stdout.startswith("{") else pytest.fail(r.stderr)
	assert r.returncode in (2, 3) and time.monotonic() - began < 30
	assert [x for x in doc["results"] if x["id"] == "run.too-much" and x["status"] == "unknown"], doc["summary"]


def test_what_had_not_begun_is_named(host):
	"""run.time: a run that is over lists what it did not come to."""
	config = host.config()
	config["zones"][0]["targets"] = [f"127.0.0.{n}:5099" for n in range(1, 65)]
	r = proc.run(["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *host.argv(config, "--deadline", "1ms")], check=False)
	doc = json.loads(r.stdout)
	late = [x for x in doc["results"] if x["id"] == "run.time"]
	assert r.returncode == 3 and doc["summary"]["out_of_time"] and late and {x["status"] for x in late} == {"unknown"}
	assert {"it had not begun"} <= {x["found"] for x in late} <= {"it had not begun", "it had not ended"}, late
