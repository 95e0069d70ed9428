# SPDX-License-Identifier: Apache-2.0
"""Addresses of our own, and waiting for events."""
import random
import socket
import time

LOCK_PORT = 61999


class Block:
	"""One /24 out of 127/8 that no other lab on this machine uses.

	Every peer has its own address, so everybody may use the real port numbers and source networks mean something.
	A listening socket is the lock: it goes with this process, however that ends.
	"""

	def __init__(self):
		for _ in range(200):
			prefix = f"127.{random.randrange(16, 240)}.{random.randrange(256)}"
			lock = socket.socket()
			try:
				lock.bind((f"{prefix}.254", LOCK_PORT))
				lock.listen(1)
			except OSError:
				lock.close()
				continue
			self.prefix, self._lock = prefix, lock
			return
		raise RuntimeError("no free loopback block")

	def ip(self, last):
		return f"{self.prefix}.{last}"

	def release(self):
		self._lock.close()


def wait_until(what, test, timeout=10.0, step=0.02, alive=None):
	"""Polls test() until it gives something true, and returns that. alive() may raise when waiting became pointless."""
	end = time.monotonic() + timeout
	while True:
		got = test()
		if got:
			return got
		if alive:
			alive()
		if time.monotonic() > end:
			raise TimeoutError(f"waited {timeout:g} s for {what}")
		time.sleep(step)


def accepts(ip, port):
	with socket.socket() as s:
		s.settimeout(1)
		return s.connect_ex((ip, port)) == 0


def udp_bound(ip, port):
	"""Whether somebody on this machine is bound to that UDP port. Sends nothing."""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		try:
			s.bind((ip, port))
		except OSError:
			return True
	return False


def free_ports(ip, n):
	"""The first of n free TCP ports in a row, below the kernel's ephemeral range so that nobody is given one meanwhile."""
	for _ in range(200):
		port = random.randrange(10000, 20000 - n)
		held = []
		try:
			for i in range(n):
				held.append(socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET))
				held[-1].bind((ip, port + i))
			return port
		except OSError:
			pass
		finally:
			for s in held:
				s.close()
	raise RuntimeError(f"no {n} free ports on {ip}")


def privileged_ports():
	"""May this process bind ports below 1024?"""
	with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		try:
			s.bind(("127.255.255.1", 53))
		except PermissionError:
			return False
		except OSError:
			pass
	return True
