# SPDX-License-Identifier: Apache-2.0
"""OCSP answers of the lab's CAs, good and bad."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

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
