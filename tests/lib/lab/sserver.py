# SPDX-License-Identifier: Apache-2.0
"""openssl s_server with every option it has, and a SIP answerer on its standard input and output."""
import os
import re
import threading

from . import proc
from .net import accepts, wait_until
from .sipraw import Msg

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK"
CONTACT = "<sip:edge.example.com:5061;transport=tls>"


def answer(status="200 OK", **headers):
	"""A function that answers a request; headers with _ for -, None leaves one of the defaults out."""
	fields = {"Allow": ALLOW, "Contact": CONTACT, "Server": "lab", **{k.replace("_", "-"): v for k, v in headers.items()}}

	def make(m):
		via = m.get("via").replace(";rport", ";rport=5061;received=" + fields.get("received", "127.0.0.1"))
		rows = [f"Via: {via}", f"From: {m.get('from')}", f"To: {m.get('to')};tag=lab", f"Call-ID: {m.call_id}", f"CSeq: {m.get('cseq')}"]
		rows += [f"{k}: {v}" for k, v in fields.items() if v is not None and k != "received"]
		return ("\r\n".join([f"SIP/2.0 {status}", *rows, "Content-Length: 0"]) + "\r\n\r\n").encode()
	return make


class Answers:
	"""What a stream of requests and pings is answered with. sip(request) gives bytes or None."""

	def __init__(self, sip, pong=b"\r\n"):
		self.sip, self.pong = sip, pong

	def take(self, buf):
		"""(reply, rest): the reply to what buf holds whole."""
		reply = b""
		while True:
			if buf.startswith(b"\r\n\r\n"):
				buf, reply = buf[4:], reply + self.pong
				continue
			end = buf.find(b"\r\n\r\n")
			if end < 0 or not buf.lstrip(b"\r\n"):
				return reply, buf
			head, buf = buf[:end + 4], buf[end + 4:]
			start = re.search(rb"[A-Z]+ sips?:", head)  # what a broken connection left before it is passed over
			if start and self.sip:
				reply += self.sip(Msg(head[start.start():])) or b""


def certificates(path):
	"""The certificates of a file, each as PEM."""
	return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", open(path).read(), re.S)


def bundle(path, *parts):
	"""A file of these certificates, in this order; a part is a file's path, or (path, index)."""
	with open(path, "w") as f:
		for p in parts:
			f.write(certificates(p[0])[p[1]] if isinstance(p, tuple) else "".join(certificates(p)))
	return path


class SServer:
	"""cert: a lab certificate; chain: a file, else what stands in the certificate's; options: s_server's own. sip=None: it never answers."""

	def __init__(self, dir, ip, cert, *options, port=5061, chain=None, sip=answer(), pong=b"\r\n"):
		os.makedirs(dir, exist_ok=True)
		self.ip, self.port, self.answers = ip, port, Answers(sip, pong)
		base = f"{dir}/s_server-{ip}-{port}"
		self.fds = []
		for end in ("in", "out"):
			os.mkfifo(f"{base}.{end}", 0o600)
			self.fds.append(os.open(f"{base}.{end}", os.O_RDWR))
		above = certificates(chain or cert.pem)[0 if chain else 1:]
		with open(f"{base}.chain", "w") as f:
			f.write("".join(above))
		argv = [proc.need("openssl")[0], "s_server", "-quiet", "-accept", f"{ip}:{port}",
			"-cert", cert.pem, "-key", cert.key, *(["-cert_chain", f"{base}.chain"] if above else []), *options]
		self.proc = proc.Proc("s_server", ["sh", "-c", 'exec "$@" <"$0.in" >"$0.out"', base, *argv], f"{base}.log",
			env={"OPENSSL_CONF": "/dev/null"})
		self.over = False
		self.thread = threading.Thread(target=self._serve)
		self.thread.start()
		try:
			wait_until("s_server to listen", lambda: accepts(ip, port), 10, alive=self.proc.check_alive)
		except BaseException:
			self.stop()
			raise

	def _serve(self):
		buf = b""
		while not self.over:
			buf += os.read(self.fds[1], 65536)
			reply, buf = self.answers.take(buf)
			if reply:
				os.write(self.fds[0], reply)

	def stop(self):
		self.proc.stop()
		self.over = True
		with open(os.readlink(f"/proc/self/fd/{self.fds[1]}"), "wb", buffering=0) as f:
			f.write(b" ")  # the reader wakes up
		self.thread.join()
		for fd in self.fds:
			name = os.readlink(f"/proc/self/fd/{fd}")
			os.close(fd)
			os.unlink(name)
