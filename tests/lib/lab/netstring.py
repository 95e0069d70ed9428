# SPDX-License-Identifier: Apache-2.0
"""One command to a running baresip, by hand: netstring.py ADDRESS PORT COMMAND [PARAMETERS]"""
import json
import socket
import sys


def ask(ip, port, command, params=""):
	body = json.dumps({"command": command, "params": params, "token": "hand"}).encode()
	with socket.create_connection((ip, int(port)), timeout=5) as s:
		s.sendall(b"%d:%s," % (len(body), body))
		got = b""
		while True:
			got += s.recv(65536)
			while b":" in got and len(got) > int(got.split(b":")[0]) + len(got.split(b":")[0]) + 1:
				head, rest = got.split(b":", 1)
				m, got = json.loads(rest[:int(head)], strict=False), rest[int(head) + 1:]
				if m.get("token") == "hand":
					return m.get("data", "")


if __name__ == "__main__":
	print(ask(*sys.argv[1:4], " ".join(sys.argv[4:])))
