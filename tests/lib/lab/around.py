# SPDX-License-Identifier: Apache-2.0
"""What stands around an edge: time servers, HTTP proxies, WebSocket servers. Real ones where a package has them; here, those that err."""
import base64
import hashlib
import os
import pwd
import socket
import ssl
import struct
import threading
import time

from . import proc
from .net import accepts, free_ports, wait_until

EPOCH = 2208988800  # 1900 to 1970


# --- time ---

class Ntp:
	"""A time server that is `ahead` of us by so many seconds, or does what its words say."""

	def __init__(self, ip, ahead=0.0, leap=0, stratum=2, kiss=b"\0\0\0\0", silent=False, decoys=0):
		self.ahead, self.leap, self.stratum, self.kiss, self.silent, self.decoys = ahead, leap, stratum, kiss, silent, decoys
		self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		self.sock.bind((ip, 0))
		self.ip, self.port = self.sock.getsockname()
		self.at, self.asked = f"{ip}:{self.port}", []
		self.thread = threading.Thread(target=self._run)
		self.thread.start()

	def _run(self):
		while True:
			m, peer = self.sock.recvfrom(512)
			if m == b"end":
				return
			self.asked.append(m)
			if self.silent or len(m) != 48:
				continue
			for _ in range(self.decoys):   # what someone who does not see the question would send: an hour off
				self.sock.sendto(self._answer(b"\1" * 8, 3600), peer)
			self.sock.sendto(self._answer(m[40:48], self.ahead), peer)

	def _answer(self, origin, ahead):
		now = time.time() + EPOCH + ahead
		stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
		return struct.pack("!BBbbII4s", self.leap << 6 | 4 << 3 | 4, self.stratum, 6, -20, 0, 0, self.kiss) + stamp + origin + stamp + stamp

	def stop(self):
		if self.thread:
			with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
				s.sendto(b"end", (self.ip, self.port))
			self.thread.join()
			self.thread = None
			self.sock.close()


# --- TCP ---

class Server:
	"""A thread for each connection runs talk(socket); with cert, TLS comes first."""

	def __init__(self, ip, talk, cert=None, port=0):
		self.talk, self.held = talk, []
		self.ctx = None
		if cert:
			self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
			self.ctx.load_cert_chain(cert.pem, cert.key)
		self.s = socket.create_server((ip, port), backlog=64)
		self.ip, self.port = self.s.getsockname()
		self.at = f"{ip}:{self.port}"
		self.threads = [threading.Thread(target=self._accept)]
		self.threads[0].start()

	def _accept(self):
		while True:
			try:
				c, _ = self.s.accept()
			except OSError:
				return
			self.held.append(c)
			self.threads.append(threading.Thread(target=self._serve, args=(c,)))
			self.threads[-1].start()

	def _serve(self, c):
		try:
			if self.ctx:
				c = self.ctx.wrap_socket(c, server_side=True)
				self.held.append(c)
			self.talk(c)
		except OSError:
			pass
		finally:
			hang_up(c)

	def stop(self):
		for s in [self.s, *self.held]:
			hang_up(s)
		for t in self.threads:
			t.join(5)


def hang_up(s):
	try:
		s.shutdown(socket.SHUT_RDWR)
	except OSError:
		pass
	s.close()


def head(c):
	"""The head of an HTTP message: (first line, {name in lower case: value}), or None at the end."""
	b = b""
	while b"\r\n\r\n" not in b and len(b) < 16384:
		more = c.recv(4096)
		if not more:
			return None
		b += more
	first, *rest = b.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
	return first, {k.strip().lower(): v.strip() for k, _, v in (l.partition(":") for l in rest)}


def idle(c):
	"""For hosts that need only be there."""
	while c.recv(4096):
		pass


def websocket(wrong_accept=False, answer=None):
	"""The talk of a WebSocket server; answer: what it says instead of 101, status and headers."""
	def talk(c):
		got = head(c)
		if not got:
			return
		key = got[1].get("sec-websocket-key")
		if answer:
			c.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
		elif not key or got[1].get("upgrade", "").lower() != "websocket":
			c.sendall(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n")
		else:
			key = "dGhlIHNhbXBsZSBub25jZQ==" if wrong_accept else key
			accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
			c.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
			idle(c)
	return talk


class Inspector:
	"""A proxy that ends TLS itself, with a certificate of a CA of its own, as inspection does."""

	def __init__(self, ip, cert):
		self.asked = []
		ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		ctx.load_cert_chain(cert.pem, cert.key)

		def talk(c):
			got = head(c)
			if got and got[0].startswith("CONNECT "):
				self.asked.append(got[0].split()[1])
				c.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
				with ctx.wrap_socket(c, server_side=True) as inner:
					idle(inner)
		self.server = Server(ip, talk)
		self.at, self.stop = self.server.at, self.server.stop


# --- programs ---

class Program:
	"""A daemon in the foreground, with a configuration of its own in dir, that listens at ip:port."""

	def __init__(self, name, dir, ip, argv, conf):
		os.makedirs(dir)
		self.ip, self.port = ip, free_ports(ip, 1)
		self.at = f"{ip}:{self.port}"
		path = f"{dir}/{name}.conf"
		with open(path, "w") as f:
			f.write(conf.format(dir=dir, ip=ip, port=self.port))
		self.proc = proc.Proc(name, [a.format(conf=path, dir=dir) for a in argv], f"{dir}/{name}.out")
		try:
			wait_until(f"{name} to listen", lambda: accepts(self.ip, self.port), 20, alive=self.proc.check_alive)
		except BaseException:
			self.stop()
			raise

	def stop(self):
		self.proc.stop()


def tinyproxy(dir, ip, more=""):
	"""more: lines of its configuration."""
	exe, = proc.need("tinyproxy")
	return Program("tinyproxy", dir, ip, [exe, "-d", "-c", "{conf}"],
		f"Port {{port}}\nListen {{ip}}\nTimeout 20\nMaxClients 20\nLogLevel Info\n{more}\n")


def squid(dir, ip, auth=(), rules="http_access allow CONNECT\n", hosts=None, password="secret"):
	"""auth: of "basic", "digest", "ntlm"; user "lab". rules: its http_access lines. hosts: {name: address}."""
	exe, = proc.need("squid")
	os.makedirs(f"{dir}/own")
	with open(f"{dir}/own/hosts", "w") as f:
		f.write("".join(f"{a} {n}\n" for n, a in (hosts or {}).items()))
	with open(f"{dir}/own/basic", "w") as f:
		f.write("lab:" + proc.run(["openssl", "passwd", "-apr1", password]).stdout)
	with open(f"{dir}/own/digest", "w") as f:
		f.write(f"lab:{password}\n")
	conf = ("http_port {ip}:{port}\npid_filename none\npinger_enable off\nvisible_hostname proxy.lab\ncache deny all\ncache_mem 8 MB\n"
		f"access_log stdio:{dir}/own/access\ncache_log {dir}/own/cache.log\nnetdb_filename none\ncoredump_dir {dir}/own\n"
		f"hosts_file {dir}/own/hosts\nshutdown_lifetime 0 seconds\nmax_filedescriptors 1024\n")
	programs = {"basic": f"/usr/lib/squid/basic_ncsa_auth {dir}/own/basic", "digest": f"/usr/lib/squid/digest_file_auth {dir}/own/digest",
		"ntlm": "/usr/lib/squid/ntlm_fake_auth"}
	for a in auth:
		conf += f"auth_param {a} program {programs[a]}\nauth_param {a} children 1\n" + ("" if a == "ntlm" else f"auth_param {a} realm lab\n")
	if auth:
		conf += "acl known proxy_auth REQUIRED\nhttp_access deny !known\n"
	if os.geteuid() == 0:   # it becomes its own user, who has to reach these
		user = pwd.getpwnam("proxy")
		for name in ("own", "own/hosts", "own/basic", "own/digest"):
			os.chown(f"{dir}/{name}", user.pw_uid, user.pw_gid)
	return Program("squid", f"{dir}/conf", ip, [exe, "-N", "-f", "{conf}"], conf + rules + "http_access deny all\n")


def nginx(dir, ip, locations):
	"""locations: {path: the lines of its block}."""
	exe, = proc.need("nginx")
	temps = "".join(f"{t}_temp_path {{dir}}/{t};\n" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
	blocks = "".join(f"location = {p} {{{{ {l} }}}}\n" for p, l in locations.items())
	return Program("nginx", dir, ip, [exe, "-p", "{dir}", "-e", "stderr", "-c", "{conf}"],
		"daemon off;\nmaster_process off;\npid {dir}/pid;\nevents {{ }}\nhttp {{\naccess_log off;\n" + temps +
		"server {{\nlisten {ip}:{port};\n" + blocks + "}}\n}}\n")
