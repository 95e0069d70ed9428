# SPDX-License-Identifier: Apache-2.0
"""Certificates of the lab: certs/lab-pki.sh makes them, at run time, from certs/lab.recipe."""
import os

from . import proc

SCRIPT = os.path.normpath(os.path.join(os.path.dirname(__file__), "../../../certs/lab-pki.sh"))
RECIPE = ("edge-rsa,inside,partner,wrong-name,rogue,expired,future,revoked,cn-only,wildcard,eku-server,eku-client,eku-none,eku-any,"
	"eku-sip,eku-server-chain,zoneb,zoneb-as-partner")


class Cert:
	"""pem: the leaf and its intermediates; key; both: the two in one file."""

	def __init__(self, dir, name):
		self.name = name
		self.pem, self.key, self.both = (f"{dir}/{name}.{e}" for e in ("pem", "key", "both.pem"))


class Pki:
	def __init__(self, dir):
		proc.need("openssl")
		self.dir = dir
		proc.run(["sh", SCRIPT, "--only", RECIPE, dir], timeout=120)
		self.root, self.zoneb_root, self.rogue_root = (f"{dir}/{r}.pem" for r in ("root", "zoneb-root", "rogue-root"))

	def cert(self, name):
		c = Cert(self.dir, name)
		if not os.path.exists(c.both):
			fd = os.open(c.both, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
			with os.fdopen(fd, "w") as f:
				f.write(open(c.key).read() + open(c.pem).read())
		return c

	def more(self, *names):
		"""Further certificates of the recipe."""
		proc.run(["sh", SCRIPT, "--only", ",".join(names), self.dir], timeout=120)

	def one(self, name, **words):
		"""A certificate that is not in the recipe; words are lab-pki.sh's options: issuer, cn, san, use, valid, more, crl, ocsp."""
		opts = [x for k, v in words.items() for x in (f"--{k}", v)]
		proc.run(["sh", SCRIPT, "--one", name, *opts, self.dir], timeout=60)
		return self.cert(name)

	def crl(self, issuer, revoke=(), seconds=86400):
		"""The bytes of a new CRL of that CA, DER."""
		out = f"{self.dir}/{issuer}.der"
		opts = ["--revoke", ",".join(revoke)] if revoke else []
		proc.run(["sh", SCRIPT, "--only", "none", "--crl-of", issuer, *opts, "--seconds", str(seconds), "--out", out, self.dir], timeout=60)
		return open(out, "rb").read()
