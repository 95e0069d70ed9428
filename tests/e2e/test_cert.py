# SPDX-License-Identifier: Apache-2.0
"""
sipward cert show and cert verify: every option has its effect and every ending its exit status; and what nobody would send on purpose gets
an answer, soon. The table of certificates is tests/cert.
"""
import json
import os
import socket
import ssl
import sys
import threading
import time

import pytest

from lab import proc
from lab.sipward import TREE, binaries

sys.path[:0] = [f"{TREE}/certs", f"{TREE}/tests/cert"]
import forge  # noqa: E402
from cases import AT, INT, INT_CRL, LEAF, PAST, ROOT, ROOT_CRL  # noqa: E402

FINE, REFUSED, UNKNOWN, USAGE, NO_INPUT = 0, 2, 3, 64, 66
NO_IDS = {"key_ids": False}


def pem(*certs):
	return "".join(forge.pem(forge.certificate(c)) for c in certs)


def sipward(*args, stdin=None):
	r = proc.run([binaries()[1], "cert", *map(str, args)], check=False, stdin=stdin)
	assert "Sanitizer" not in r.stderr and "runtime error" not in r.stderr, r.stderr
	return r


@pytest.fixture
def files(tmp_path):
	"""name=text or bytes, as files; a function that gives the path of one."""
	def make(**words):
		for name, what in words.items():
			(tmp_path / name).write_bytes(what if isinstance(what, bytes) else what.encode())
	make(root=pem(ROOT), chain=pem(LEAF, INT), leaf=pem(LEAF), int=pem(INT), old=pem({**LEAF, **PAST}, INT), der=forge.certificate(LEAF),
	     servers=pem({**LEAF, "eku": ["server"]}, INT), wild=pem({**LEAF, "san": ["dns:*.example.net"]}, INT),
	     mail=pem({**LEAF, "san": ["email:bob@example.net", "ip:192.0.2.7"]}, INT),
	     crl=forge.pem(forge.crl(ROOT_CRL), "X509 CRL") + forge.pem(forge.crl({**INT_CRL, "revoked": [3]}), "X509 CRL"),
	     cut=forge.certificate(LEAF)[:-1], more=forge.certificate(LEAF) + b"\0", nothing="", words="no certificate", broken=forge.pem(b"\x30\x03\x02\x01"), nul=b"\0" * 5000)
	make.path = lambda name: str(tmp_path / name)
	return make


@pytest.mark.parametrize("args", (["-h"], ["--help"], ["show", "-h"], ["verify", "--help"], ["verify", "--trust", "x", "-h"], ["forecast", "-h"]), ids=str)
def test_help_is_no_error(args):
	r = sipward(*args)
	assert r.returncode == FINE and not r.stderr and all(f"cert {w}" in r.stdout for w in ("show", "verify", "forecast")), r


# --- show ---

def shown(*args):
	r = sipward("show", "-o", "json", *args)
	assert r.returncode == FINE, r
	return json.loads(r.stdout)


def test_show_tells_what_certificates_and_chain_are(files):
	access = {"more": [forge.extension("1.3.6.1.5.5.7.1.1", forge.seq(
		forge.seq(forge.oid("1.3.6.1.5.5.7.48.1"), forge.tlv(0x86, b"http://ocsp.example/")),
		forge.seq(forge.oid("1.3.6.1.5.5.7.48.2"), forge.tlv(0x86, b"http://ca.example/int.crt"))))]}
	limits = {"permitted": ["dns:example.net", "net:192.0.2.0/24"], "excluded": ["dns:x\x1by.example.net"]}
	files(rich=pem({**LEAF, **access, "san": ["uri:sip:a.example.net", "dns:\x1b[31m.example.net", "ip:192.0.2.7"]}, {**INT, **limits}))
	leaf, ca = (doc := shown(files.path("rich")))["certificates"]
	assert [(n["type"], n["malformed"]) for n in leaf["names"][:3]] == [("uri", False), ("dns", True), ("ip", False)], leaf
	assert (leaf["purposes"], leaf["key"], leaf["key_bits"], leaf["ca"]) == ("serverAuth, clientAuth", "EC", 256, False)
	assert leaf["ocsp"] == ["http://ocsp.example/"] and leaf["issuer_at"] == ["http://ca.example/int.crt"]
	assert leaf["not_after"] == "2027-01-01T00:00:00Z" and ca["ca"]
	assert ca["constraints"] == "permits dns:example.net, permits ip:192.0.2.0/255.255.255.0, excludes dns:x?y.example.net"
	chain = doc["chain"]
	assert (chain["certificates"], chain["ordered"], chain["complete"], chain["root_sent"]) == (2, True, False, False)
	assert chain["leads_to"] == "CN=Root" and chain["not_after"] == leaf["not_after"] and chain["first_to_expire"] == "CN=a.example.net"
	text = sipward("show", files.path("rich")).stdout
	assert "\x1b" not in text, "a name would write on the operator's terminal"
	for line in ("uri:sip:a.example.net", "issuer at    http://ca.example/int.crt", "key usage    digitalSignature", "chain: 2 certificates, good until 2027"):
		assert line in text, text


@pytest.mark.parametrize("what, odd", (
	({"usage": ["keyEncipherment"]}, "leaves out digitalSignature"), ({"eku": ["server"]}, "for servers alone"),
	({"eku": ["email"]}, "for neither servers nor clients"), ({"digest": "sha1"}, "signed with SHA1: refused"),
	({"kind": "rsa:1024"}, "RSA key has 1024 bits: refused"), ({"kind": "p192"}, "EC key has 192 bits: refused"),
	({"from": "2026-05-01", "to": "2027-05-01"}, "valid for 365 days: when it was issued a public CA might give 200"),
	({"from": "2025-01-01", "to": "2026-12-31"}, "a public CA might give 398"), ({"to": "2025-06-01"}, "ends before it begins"),
	(PAST, "it expired"), ({"version": 1}, "of version 1"), ({"broken": True}, "did not sign it"), ({"issuer": "Other"}, "is not its issuer, CN=Other"),
	({"san": None}, "no subjectAltName"), ({"subject": "Not a host", "san": ["ip:192.0.2.7"]}, "no name in it is a domain's"), ({"san": ["dns:*.example.net"]}, "a wildcard"),
), ids=str)
def test_show_tells_what_is_odd(files, what, odd):
	files(one=pem({**LEAF, **what}, INT), sound=pem({**LEAF, "to": "2026-07-01"}, INT))
	assert any(odd in o for o in shown(files.path("one"))["certificates"][0]["odd"]), shown(files.path("one"))
	assert not any(odd in o for o in shown(files.path("sound"))["certificates"][0]["odd"]) or what is PAST


def test_show_tells_a_list_from_a_chain_and_takes_der(files):
	other = {**INT, "subject": "Other", "serial": 9}
	files(mixed=pem(LEAF, ROOT, INT, other), list=pem(ROOT, other, INT), long=pem(LEAF, *([INT] * 998)))
	chain = shown(files.path("mixed"))["chain"]
	assert (chain["ordered"], chain["root_sent"], chain["extra"], chain["complete"]) == (False, True, 1, True)
	text = sipward("show", files.path("mixed")).stdout
	assert "! out of order: CN=Int" in text and "1 of no use to the first: CN=Other" in text and "the root is sent" in text
	doc = shown(files.path("list"))
	assert doc["chain"] is None and not any("after it" in o for c in doc["certificates"] for o in c["odd"])
	assert shown(files.path("der")) == shown(files.path("leaf"))
	assert len(shown(files.path("long"))["certificates"]) == 999
	assert sipward("show", "-", stdin=pem(LEAF)).stdout == sipward("show", files.path("leaf")).stdout


def test_show_asks_a_server(lab):
	cert = lab.cert("partner")
	tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	tls.load_cert_chain(cert.pem, cert.key)
	with socket.create_server(("127.0.0.1", 0)) as server:
		def serve():
			try:
				tls.wrap_socket(server.accept()[0], server_side=True).close()
			except OSError:
				pass   # it goes away when it has seen enough
		thread = threading.Thread(target=serve)
		thread.start()
		where = f"127.0.0.1:{server.getsockname()[1]}"
		assert shown(where) == shown(cert.pem)
		thread.join()
	r = sipward("show", where)   # nobody is there now
	assert r.returncode == UNKNOWN and "refused" in r.stderr, r


@pytest.mark.parametrize("args, status", (
	(["leaf"], FINE), (["absent"], NO_INPUT), (["."], NO_INPUT), (["nothing"], NO_INPUT), (["words"], NO_INPUT), (["broken"], NO_INPUT),
	(["nul"], NO_INPUT), (["cut"], NO_INPUT), (["more"], NO_INPUT), (["crl"], NO_INPUT), ([], USAGE), (["leaf", "leaf"], USAGE), (["-o", "xml", "leaf"], USAGE), (["--colour", "leaf"], USAGE),
), ids=str)
def test_show_exit_status(files, args, status):
	r = sipward("show", *(a if a.startswith("-") or a == "xml" else files.path(a) for a in args))
	assert r.returncode == status and bool(r.stderr) == (status != FINE), r


# --- verify ---

@pytest.mark.parametrize("words, status, reason", (
	("chain", FINE, "ok"),
	("leaf", REFUSED, "tls.chain"),
	("leaf --untrusted int", FINE, "ok"),
	("leaf --untrusted crl", NO_INPUT, None),
	("old", REFUSED, "tls.expired"),
	("old --at 2026-02-01T00:00:00Z", FINE, "ok"),
	("chain --crl crl", REFUSED, "tls.revoked"),
	("chain --crl crl --revocation off", FINE, "ok"),
	("chain --revocation hard", REFUSED, "tls.crl"),
	("chain --crl words", NO_INPUT, None),
	("chain --name sip:a.example.net", FINE, "ok"),
	("chain --name sip:b.example.net", REFUSED, "identity.mismatch"),
	("chain --name dns:A.EXAMPLE.NET.", FINE, "ok"),
	("mail --name email:bob@example.net", FINE, "ok"),
	("mail --name email:eve@example.net", REFUSED, "identity.mismatch"),
	("mail --name ip:192.0.2.7", FINE, "ok"),
	("mail --name ip:192.0.2.8", REFUSED, "identity.mismatch"),
	("wild --name dns:x.example.net", REFUSED, "identity.wildcard"),
	("wild --name dns:x.example.net --wildcard", FINE, "ok"),
	("wild --name dns:x.example.net --wildcard --match rfc5922", REFUSED, None),
	("servers", FINE, "ok"),
	("servers --eku strict", REFUSED, "tls.purpose"),
	("servers --eku strict --as server", FINE, "ok"),
	("broken", REFUSED, "tls.handshake"),
	("words", NO_INPUT, None),
	("nothing", NO_INPUT, None),
	("absent", NO_INPUT, None),
	("chain --trust absent", NO_INPUT, None),
	("chain leaf", USAGE, None),
	("", USAGE, None),
	("chain --at yesterday", USAGE, None),
	("chain --as peer", USAGE, None),
	("chain --name a.example.net", USAGE, None),
	("chain --match exact", USAGE, None),
	("chain --eku none", USAGE, None),
	("chain --revocation maybe", USAGE, None),
	("chain --zone partner", USAGE, None),
	("chain --batch chain", USAGE, None),
	("chain --frobnicate", USAGE, None),
	("chain -o xml", USAGE, None),
))
def test_verify_options_and_exit_status(files, words, status, reason):
	given = words.split()
	args = [files.path(a) if i == 0 or given[i - 1] in ("--untrusted", "--crl", "--trust", "--batch") or a == "leaf" else a for i, a in enumerate(given)]
	at = [] if "--at" in given else ["--at", AT]
	r = sipward("verify", "--trust", files.path("root"), *at, *args, *([] if "-o" in given else ["-o", "json"]))
	assert r.returncode == status, r
	if status in (FINE, REFUSED, UNKNOWN):
		doc = json.loads(r.stdout)
		assert doc["verdict"] == {FINE: "accepted", REFUSED: "refused", UNKNOWN: "undecided"}[status]
		assert reason in (None, doc["reason"]), doc
	else:
		assert not r.stdout and r.stderr, r


def test_verify_says_what_to_do(files):
	text = sipward("verify", "--trust", files.path("root"), "--at", AT, files.path("old")).stdout
	assert text.startswith("refused: tls.expired, ") and "\n  means: " in text and "\n  what to do: " in text, text


def test_verify_judges_as_a_zone_would(lab):
	def zone(name, cert, *args):
		return lab.edge.command("cert", "verify", "--zone", name, "-o", "json", *args, lab.cert(cert).pem, check=False)
	assert zone("partner", "partner").returncode == FINE
	for cert, reason in (("rogue", "tls.chain"), ("expired", "tls.expired"), ("zoneb-as-partner", "tls.chain"), ("wrong-name", "identity.mismatch")):
		r = zone("partner", cert)
		assert r.returncode == REFUSED and json.loads(r.stdout)["reason"] == reason, r
	assert zone("nowhere", "partner").returncode == USAGE
	assert zone("partner", "partner", "--eku", "any").returncode == USAGE, "a zone has its own"
	r = sipward("verify", "--zone", "partner", "-f", "/nonexistent", lab.cert("partner").pem)
	assert r.returncode == 78 and "/nonexistent" in r.stderr, r


# --- many, and hostile ones ---

def judged(*lines):
	"""The verdicts of a batch; whatever a line is, there is one for it, and the sound one after it is accepted."""
	sound = json.dumps({"id": "sound", "trust": [pem(ROOT)], "chain": pem(LEAF, INT), "at": AT})
	data = b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" + sound.encode() + b"\n" for x in lines)
	path = f"{os.environ['PYTEST_BATCH']}/cases"
	with open(path, "wb") as f:
		f.write(data)
	r = sipward("verify", "--batch", path)
	assert r.returncode == FINE, r
	got = [json.loads(x) for x in r.stdout.splitlines()]
	assert len(got) == 2 * len(lines) and all(v["id"] == "sound" and v["verdict"] == "accepted" for v in got[1::2]), r.stdout
	return got[::2]


@pytest.fixture(autouse=True)
def batch_room(tmp_path, monkeypatch):
	monkeypatch.setenv("PYTEST_BATCH", str(tmp_path))


@pytest.mark.parametrize("line, said", (
	(b"{", "not JSON"), (b"[]", "not a JSON object"), (b"7", "not JSON"), (b"\0\0\0", "not JSON"), (b"\xff\xfe", "not JSON"),
	(b'{"id":1,"id":2,"trust":[],"chain":""}', "not JSON"), (b'{"id":"a\\u0000b","trust":[],"chain":""}', "not JSON"),
	(b'{"id":1,"trust":[],"chain":"\\u0000"}', "not JSON"), (b"[" * 100000, "not JSON"), (b'{"a":' * 5000, "not JSON"),
	(b'{"id":1,"trust":' + b"[" * 2000 + b"]" * 2000 + b',"chain":"x"}', "PEM strings"), (b'{"trust":[],"chain":"x"}', '"id" is missing'),
	(b'{"id":1,"trust":{},"chain":"x"}', "PEM strings"), (b'{"id":1,"trust":[' + b'"",' * 20000 + b'""],"chain":"x"}', "PEM strings"),
	(b'{"id":1,"trust":[],"chain":"x","at":"' + b"9" * 100000 + b'"}', "RFC 3339"), (b'{"id":1e999,"trust":[],"chain":"x"}', "not JSON"),
	(b'{"id":"' + b"i" * 100000 + b'","trust":[],"chain":"x"}', ""), (b" " * 70000000, ""),
), ids=lambda v: repr(v[:24]) if isinstance(v, bytes) else None)
def test_a_line_that_is_broken_gets_a_verdict(line, said):
	if line.isspace():
		line = b'{"id":1}' + line + b"x"
	(v,) = judged(line)
	assert v["verdict"] == "undecided" and v["reason"] == "tls.undecided" and v["detail"] and said in v["detail"], v


def quick(seconds, *cases):
	start = time.monotonic()
	got = judged(*cases)
	took = time.monotonic() - start
	assert took < seconds, f"{took:.1f} s"
	return got


def test_look_alike_issuers_by_the_hundred():
	"""Every one has the name that is wanted and one has the key, which comes last. There is a bound, and beyond it nothing is claimed."""
	alike = [{**INT, **NO_IDS, "key": f"k{i}", "serial": 1000 + i} for i in range(300)]
	leaf, right, root = ({**c, **NO_IDS} for c in (LEAF, INT, ROOT))
	ring = [{**c, "issuer": "Int", "signer": f"k{(i + 1) % 300}"} for i, c in enumerate(alike)]
	case = {"id": 1, "trust": [pem(root)], "chain": pem(leaf), "at": AT}
	sent, listed, none, many, circle = quick(
		20, {**case, "untrusted": [pem(*alike[:200], right)]}, {**case, "trust": [pem(*alike[:200], right, root)]},
		{**case, "untrusted": [pem(*alike[:200])]}, {**case, "untrusted": [pem(*alike, right)]},
		{**case, "chain": pem({**leaf, "signer": "k0"}), "untrusted": [pem(*ring)]})
	assert sent["verdict"] == listed["verdict"] == "accepted", (sent, listed)
	assert none["reason"] == "tls.chain", none
	for v in (many, circle):
		assert v["verdict"] == "undecided" and "look alike" in v["detail"], v


def test_chains_of_absurd_size():
	long = [{**INT, "subject": f"L{i}", "key": f"l{i % 50}", "issuer": f"L{i + 1}", "signer": f"l{(i + 1) % 50}", "serial": 100 + i} for i in range(900)]
	leaf = {**LEAF, "issuer": "L0", "signer": "l0"}
	text = pem(leaf)
	case = {"id": 1, "trust": [pem(ROOT)], "at": AT}
	deep, same, many, padded = quick(
		20, {**case, "chain": text + pem(*long)}, {**case, "chain": pem(LEAF) + pem(INT) * 900}, {**case, "chain": text * 3000},
		{**case, "chain": "x" * (20 << 20) + "\n" + pem(LEAF, INT)})
	assert deep["verdict"] == "refused" and deep["reason"] == "tls.chain", deep
	assert same["verdict"] == padded["verdict"] == "accepted", (same, padded)
	assert many["verdict"] != "accepted", many


def test_names_by_the_thousand():
	names = [f"dns:h{i}.example.net" for i in range(5000)]
	case = {"id": 1, "trust": [pem(ROOT)], "at": AT, "name": "dns:a.example.net"}
	limits = {**INT, "permitted": [n.replace("h", "p") for n in names]}
	got = quick(20, {**case, "chain": pem({**LEAF, "san": names}, INT)}, {**case, "chain": pem({**LEAF, "san": names}, limits)})
	assert all(v["verdict"] != "accepted" for v in got), got
