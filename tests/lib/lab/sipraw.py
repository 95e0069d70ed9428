# SPDX-License-Identifier: Apache-2.0
"""SIP by hand over TCP and TLS: for peers no well-behaved program can play, and for looking at every byte.

A Conn reads whole messages in a thread of its own; an Agent is a listening one that records what reaches it.
"""
import queue
import re
import secrets
import select
import socket
import ssl
import threading
import time

from .net import wait_until

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type", "r": "refer-to"}


class Closed(Exception):
	"""The connection ended; the text says how."""


class Msg:
	"""One SIP message: start line, headers in order, body."""

	def __init__(self, raw):
		self.raw = raw
		head, _, self.body = raw.partition(b"\r\n\r\n")
		lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
		self.start = lines[0]
		self.headers = []
		for l in lines[1:]:
			name, _, value = l.partition(":")
			name = name.strip().lower()
			self.headers.append((COMPACT.get(name, name), value.strip()))
		self.status = int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None
		self.method = None if self.status else self.start.split(" ")[0]
		self.ruri = None if self.status else self.start.split(" ")[1]

	def get(self, name):
		return next((v for n, v in self.headers if n == name.lower()), None)

	def all(self, name):
		return [v for n, v in self.headers if n == name.lower()]

	def uris(self, name):
		"""Every value of a comma-separated header of name-addrs."""
		return [x.strip() for v in self.all(name) for x in re.split(r",(?=\s*<)", v)]

	@property
	def call_id(self):
		return self.get("call-id")

	@property
	def cseq(self):
		n, method = self.get("cseq").split(None, 1)
		return int(n), method

	def tag(self, name):
		m = re.search(r";\s*tag=([^;>\s]+)", self.get(name) or "")
		return m[1] if m else None

	def __repr__(self):
		return f"<{self.start}>"


def uri_of(name_addr):
	m = re.search(r"<([^>]*)>", name_addr)
	return m[1] if m else name_addr.split(";")[0].strip()


def new_id(n=8):
	return secrets.token_hex(n)


def build(start, headers, body=b""):
	if isinstance(body, str):
		body = body.encode()
	lines = [start] + [f"{n}: {v}" for n, v in headers]
	if not any(n.lower() in ("content-length", "l") for n, _ in headers):
		lines.append(f"Content-Length: {len(body)}")
	return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def request(method, ruri, from_, to, call_id=None, cseq=1, via="127.0.0.1:5061", transport="TLS", contact=None, routes=(),
		from_tag=None, to_tag=None, body="", extra=(), max_forwards=70, branch=None):
	"""A request as bytes; extra: more headers as pairs."""
	h = [("Via", f"SIP/2.0/{transport} {via};branch={branch or 'z9hG4bK' + new_id()};rport")]
	h += [("Route", r) for r in routes]
	if max_forwards is not None:
		h.append(("Max-Forwards", str(max_forwards)))
	h += [("From", (from_ if "<" in from_ else f"<{from_}>") + f";tag={from_tag or new_id(4)}"),
		("To", (to if "<" in to else f"<{to}>") + (f";tag={to_tag}" if to_tag else "")),
		("Call-ID", call_id or f"{new_id()}@lab"), ("CSeq", f"{cseq} {method}")]
	if contact:
		h.append(("Contact", f"<{contact}>"))
	h += list(extra)
	if body and not any(n.lower() == "content-type" for n, _ in h):
		h.append(("Content-Type", "application/sdp"))
	return build(f"{method} {ruri} SIP/2.0", h, body)


REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 486: "Busy Here", 487: "Request Terminated",
	503: "Service Unavailable"}


def response(req, status, to_tag=None, contact=None, body="", extra=()):
	h = [("Via", v) for v in req.all("via")] + [("Record-Route", v) for v in req.all("record-route")]
	to = req.get("to")
	if to_tag and not req.tag("to"):
		to += f";tag={to_tag}"
	h += [("From", req.get("from")), ("To", to), ("Call-ID", req.call_id), ("CSeq", req.get("cseq"))]
	if contact:
		h.append(("Contact", f"<{contact}>"))
	h += list(extra)
	if body:
		h.append(("Content-Type", "application/sdp"))
	return build(f"SIP/2.0 {status} {REASONS.get(status, 'Whatever')}", h, body)


class Conn:
	"""One stream, TLS or not. Incoming messages go to inbox (as (conn, msg)); `end` tells how it ended."""

	def __init__(self, sock, inbox=None, server=False):
		self.sock, self.server = sock, server
		self.inbox = inbox if inbox is not None else queue.Queue()
		self.end, self.pongs, self.raw = None, 0, b""
		self._lock, self._stop = threading.Lock(), threading.Event()
		sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an ACK and the next request: not 40 ms apart
		sock.setblocking(False)
		self._thread = threading.Thread(target=self._read, daemon=True)
		self._thread.start()

	@property
	def local(self):
		return self.sock.getsockname()

	def peer_names(self):
		with self._lock:  # the reading thread may be in the middle of a session ticket, which is no finished handshake
			cert = self.sock.getpeercert() or {}
		return [v for _, v in cert.get("subjectAltName", ())]

	def _read(self):
		buf = b""
		while not self._stop.is_set():
			try:
				if not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
					select.select([self.sock], [], [], 0.2)
				with self._lock:
					data = self.sock.recv(65536)
			except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
				continue
			except (OSError, ValueError) as e:
				self.end = self.end or (getattr(e, "reason", None) or type(e).__name__)
				break
			if not data:
				self.end = self.end or "closed"
				break
			self.raw += data
			buf = self._frame(buf + data)
		self.inbox.put((self, None))

	def _frame(self, buf):
		while buf:
			if buf.startswith(b"\r\n"):
				self.pongs += 1
				buf = buf[2:]
				continue
			head, sep, rest = buf.partition(b"\r\n\r\n")
			if not sep:
				break
			m = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
			n = int(m[1]) if m else 0
			if len(rest) < n:
				break
			self.inbox.put((self, Msg(head + sep + rest[:n])))
			buf = rest[n:]
		return buf

	def send(self, data, timeout=5.0):
		end = time.monotonic() + timeout
		view = memoryview(data)
		while view:
			try:
				with self._lock:
					n = self.sock.send(view)
				view = view[n:]
			except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
				if time.monotonic() > end:
					raise TimeoutError("the peer does not read")
				select.select([self.sock], [self.sock], [], 0.05)
			except OSError as e:
				self.end = self.end or (getattr(e, "reason", None) or type(e).__name__)
				raise Closed(self.end) from None

	def recv(self, timeout=5.0):
		"""The next message; Closed when the connection ended first."""
		try:
			_, m = self.inbox.get(timeout=timeout)
		except queue.Empty:
			raise TimeoutError("no SIP message came") from None
		if m is None:
			raise Closed(self.end)
		return m

	def final(self, call_id=None, timeout=10.0, method=None):
		"""The next final response (of that call, to that method); provisional ones and requests are passed over."""
		end = time.monotonic() + timeout
		while True:
			m = self.recv(max(0.01, end - time.monotonic()))
			if m.status and m.status >= 200 and (not call_id or m.call_id == call_id) and (not method or m.cseq[1] == method):
				return m

	def ask(self, data, timeout=10.0):
		"""Sends a request and gives its final response."""
		self.send(data)
		return self.final(Msg(data).call_id, timeout, Msg(data).method)

	def wait_closed(self, timeout=10.0):
		"""Until the peer closed; how it did."""
		wait_until("the connection to be closed", lambda: self.end, timeout)
		return self.end

	def close(self):
		self.end = self.end or "we closed"
		self._stop.set()
		try:
			self.sock.shutdown(socket.SHUT_RDWR)
		except OSError:
			pass
		self._thread.join(2)
		self.sock.close()

	def __enter__(self):
		return self

	def __exit__(self, *exc):
		self.close()


def client_context(ca=None, cert=None, maximum=None):
	ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	ctx.check_hostname = False
	if ca:
		ctx.load_verify_locations(ca)
	else:
		ctx.verify_mode = ssl.CERT_NONE
	if cert:
		ctx.load_cert_chain(cert.pem, cert.key)
	if maximum:
		ctx.maximum_version = maximum
	return ctx


def connect(ip, port, ca=None, cert=None, source=None, tls=True, sni=None, maximum=None, timeout=5.0):
	"""Connects; with TLS 1.3 a refusal of our certificate shows only afterwards, in Conn.end."""
	s = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET)
	s.settimeout(timeout)
	try:
		if source:
			s.bind((source, 0))
		s.connect((ip, port))
		if tls:
			s = client_context(ca, cert, maximum).wrap_socket(s, server_hostname=sni)
	except (OSError, ssl.SSLError) as e:
		s.close()
		raise Closed(getattr(e, "reason", None) or type(e).__name__) from None
	return Conn(s)


class Agent:
	"""A listening SIP element that keeps every request it saw and answers by `invite` and `others`.

	invite: "answer" (180 and 200 with SDP), "ring" (180 only), "busy" (486), "silent"; or a number to answer with, or a
	function that is given the message.
	"""

	def __init__(self, ip, port, user="agent", cert=None, ca=None, require_cert=False, media=None, transport=None):
		self.ip, self.port, self.user, self.media = ip, port, user, media
		self.transport = transport or ("tls" if cert else "tcp")
		self.contact = f"sip:{user}@{ip}:{port};transport={self.transport}"
		self.invite, self.others, self.tag = "answer", 200, new_id(4)
		self.requests, self.responses, self.conns = [], [], []
		self.inbox = queue.Queue()
		self._ctx = None
		if cert:
			self._ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
			self._ctx.load_cert_chain(cert.pem, cert.key)
			if ca:
				self._ctx.load_verify_locations(ca)
				self._ctx.verify_mode = ssl.CERT_REQUIRED if require_cert else ssl.CERT_OPTIONAL
		self._listen = socket.create_server((ip, port), backlog=64)
		self._stop = threading.Event()
		for run in (self._accept, self._serve):
			threading.Thread(target=run, daemon=True).start()

	def _accept(self):
		while not self._stop.is_set():
			try:
				s, _ = self._listen.accept()
			except OSError:
				return
			threading.Thread(target=self._begin, args=(s,), daemon=True).start()

	def _begin(self, s):
		try:
			s.settimeout(5)
			if self._ctx:
				s = self._ctx.wrap_socket(s, server_side=True)
			self.conns.append(Conn(s, self.inbox, server=True))
		except OSError:
			s.close()

	def _serve(self):
		while not self._stop.is_set():
			try:
				conn, m = self.inbox.get(timeout=0.2)
			except queue.Empty:
				continue
			if m is None:
				continue
			m.conn = conn
			if m.status:
				self.responses.append(m)
				continue
			self.requests.append(m)
			try:
				self._answer(conn, m)
			except (Closed, TimeoutError, OSError):
				pass

	def reply(self, m, status, body="", extra=()):
		m.conn.send(response(m, status, self.tag, self.contact, body, extra))

	def _answer(self, conn, m):
		if m.method == "ACK":
			return
		if m.method == "INVITE":
			if self.invite == "silent":
				return
			if isinstance(self.invite, int):
				return self.reply(m, self.invite)
			if callable(self.invite):
				return self.invite(m)
			if not m.tag("to"):
				self.reply(m, 180)
			if self.invite == "busy":
				self.reply(m, 486)
			elif self.invite == "answer":
				if self.media and m.body:
					self.media.remote_from(m.body)
				self.reply(m, 200, self.media.sdp() if self.media else "")
			return
		if m.method == "CANCEL":
			self.reply(m, 200)
			first = next((r for r in self.requests if r.method == "INVITE" and r.call_id == m.call_id), None)
			if first and self.invite in ("ring", "silent"):
				self.reply(first, 487)
			return
		if self.others:
			self.reply(m, self.others)

	def seen(self, call_id, method=None):
		return [m for m in self.requests if m.call_id == call_id and (not method or m.method == method)]

	def wait(self, call_id, method, timeout=10.0):
		return wait_until(f"{method} of {call_id} at {self.contact}; saw {self.requests[-5:]}", lambda: self.seen(call_id, method), timeout)[-1]

	def wait_response(self, call_id, method, timeout=10.0):
		return wait_until(f"the answer to {method} at {self.contact}", lambda: [m for m in self.responses
			if m.call_id == call_id and m.cseq[1] == method and m.status >= 200], timeout)[-1]

	def reset(self):
		self.invite, self.others = "answer", 200
		self.requests.clear()
		self.responses.clear()

	def close(self):
		self._stop.set()
		try:
			self._listen.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread, which holds the port otherwise
		except OSError:
			pass
		self._listen.close()
		for c in self.conns:
			c.close()


class Call:
	"""The caller's side of a dialog on a Conn."""

	def __init__(self, conn, ruri, from_, to=None, contact=None, media=None, transport="TLS", via=None):
		self.conn, self.ruri, self.media, self.transport = conn, ruri, media, transport
		ip, port = conn.local[:2]
		self.via = via or f"{ip}:{port}"
		self.from_, self.to = from_, to or ruri
		self.contact = contact or f"sip:caller@{ip}:{port};transport={transport.lower()}"
		self.call_id, self.from_tag, self.to_tag, self.cseq = f"{new_id()}@lab", new_id(4), None, 0
		self.routes, self.remote, self.branch = [], ruri, None
		self.provisional, self.answer = [], None

	def _request(self, method, cseq=None, body="", extra=(), branch=None):
		if cseq is None:
			self.cseq += 1
			cseq = self.cseq
		return request(method, self.remote, self.from_, self.to, self.call_id, cseq, self.via, self.transport, self.contact, self.routes,
			self.from_tag, self.to_tag, body, extra, branch=branch)

	def invite(self, body=None, extra=()):
		self.branch = "z9hG4bK" + new_id()
		data = self._request("INVITE", body=self.media.sdp() if body is None and self.media else body or "", extra=extra,
			branch=self.branch)
		self._first = Msg(data)
		self.conn.send(data)
		return self

	def wait(self, timeout=15.0):
		"""The final answer to the INVITE; acknowledged, and the dialog set up when it is a 2xx."""
		end = time.monotonic() + timeout
		while True:
			m = self.conn.recv(max(0.01, end - time.monotonic()))
			if not m.status or m.call_id != self.call_id or m.cseq[1] != "INVITE":
				continue
			if m.status < 200:
				self.provisional.append(m)
				continue
			self.answer = m
			self.to_tag = m.tag("to")
			if m.status < 300:
				self.routes = list(reversed(m.uris("record-route"))) or self.routes
				if m.get("contact"):
					self.remote = uri_of(m.get("contact"))
				if self.media and m.body:
					self.media.remote_from(m.body)
				self.conn.send(self._request("ACK", cseq=m.cseq[0]))
			else:
				self.conn.send(self._request("ACK", cseq=m.cseq[0], branch=self.branch))
			return m

	def wait_provisional(self, status=180, timeout=10.0):
		end = time.monotonic() + timeout
		while True:
			m = self.conn.recv(max(0.01, end - time.monotonic()))
			if m.status and m.call_id == self.call_id:
				self.provisional.append(m)
				if m.status == status:
					return m

	def cancel(self):
		f = self._first
		self.conn.send(build(f"CANCEL {f.ruri} SIP/2.0", [("Via", f.get("via")), ("Max-Forwards", "70"), ("From", f.get("from")),
			("To", f.get("to")), ("Call-ID", f.call_id), ("CSeq", f"{f.cseq[0]} CANCEL")]))

	def ask(self, method, body="", extra=(), timeout=10.0):
		"""An in-dialog request and its final response."""
		data = self._request(method, body=body, extra=extra)
		self.conn.send(data)
		end = time.monotonic() + timeout
		n = Msg(data).cseq[0]
		while True:
			m = self.conn.recv(max(0.01, end - time.monotonic()))
			if m.status and m.status >= 200 and m.call_id == self.call_id and m.cseq == (n, method):
				if method == "INVITE":
					self.conn.send(self._request("ACK", cseq=n))
				return m

	def bye(self):
		return self.ask("BYE")
