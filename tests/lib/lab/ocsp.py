# SPDX-License-Identifier: Apache-2.0
"""OCSP answers of the lab's CAs, good and bad, and OpenSSL's responder."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from . import proc
from .net import free_ports, wait_until

STATUS = {"good": ocsp.OCSPCertStatus.GOOD, "revoked": ocsp.OCSPCertStatus.REVOKED, "unknown": ocsp.OCSPCertStatus.UNKNOWN}


def _cert(pki, name):
	"""The first of its file."""
	return x509.load_pem_x509_certificate(open(f"{pki.dir}/{name}.pem", "rb").read())


def answer(pki, name, status="good", issuer="int", signer=None, begin=-3600, end=86400):
	"""DER: issuer says it of name; signer: another who signs it. begin, end: seconds from now."""
	now = datetime.datetime.utcnow().replace(microsecond=0)
	at = lambda s: now + datetime.timedelta(seconds=s)
	who = _cert(pki, signer or issuer)
	key = serialization.load_pem_private_key(open(f"{pki.dir}/{signer or issuer}.key", "rb").read(), None)
	b = ocsp.OCSPResponseBuilder().add_response(cert=_cert(pki, name), issuer=_cert(pki, issuer), algorithm=hashes.SHA1(),
		cert_status=STATUS[status], this_update=at(begin), next_update=at(end),
		revocation_time=at(-86400) if status == "revoked" else None, revocation_reason=None)
	b = b.responder_id(ocsp.OCSPResponderEncoding.HASH, who)
	if signer:
		b = b.certificates([who])
	return b.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Responder:
	"""openssl ocsp, with a delegate of the CA as its signer. set() before start(): what it says of a
	certificate; of others it knows nothing."""

	def __init__(self, pki, ip, issuer="int"):
		pki.one("responder", use="ocsp", issuer=issuer)
		self.pki, self.issuer, self.rows, self.proc = pki, issuer, {}, None
		self.port = free_ports("0.0.0.0", 1)   # it listens everywhere
		self.url = f"http://{ip}:{self.port}/"
		self.index = f"{pki.dir}/responder-{self.port}.index"

	def start(self):
		with open(self.index, "w") as f:
			f.writelines(self.rows.values())
		self.proc = proc.Proc("openssl ocsp", [*proc.need("openssl"), "ocsp", "-port", str(self.port), "-index", self.index, "-CA",
			f"{self.pki.dir}/{self.issuer}.pem", "-rsigner", f"{self.pki.dir}/responder.pem", "-rkey", f"{self.pki.dir}/responder.key", "-nmin", "60", "-ignore_err"],
			f"{self.index}.log")
		# to try it by a connection would hold it up for ever
		wait_until("openssl ocsp to listen", lambda: "waiting for" in self.proc.text(), alive=self.proc.check_alive)
		return self

	def set(self, name, revoked=False):
		serial = f"{_cert(self.pki, name).serial_number:X}"
		serial = serial if len(serial) % 2 == 0 else "0" + serial
		when = "240101000000Z,keyCompromise" if revoked else ""
		self.rows[name] = f"{'R' if revoked else 'V'}\t491231235959Z\t{when}\t{serial}\tunknown\t/CN={name}\n"

	def close(self):
		if self.proc:
			self.proc.stop()
