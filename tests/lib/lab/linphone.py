# SPDX-License-Identifier: Apache-2.0
"""linphone-daemon as a stranger's telephone: no certificate of its own, but it verifies ours, name and chain.

It has no use for media here: without a sound card it sends none, and it signals whatever address the machine has outside.
"""
import os
import subprocess

from . import proc

CONFIG = """\
[sip]
sip_port=0
sip_tcp_port=0
sip_tls_port=-2
root_ca={ca}
verify_server_certs=1
verify_server_cn=1
guess_hostname=0
default_proxy=0
media_encryption=0
use_ipv6=0
keepalive_period=0
[proxy_0]
reg_proxy=<sip:{proxy};transport=tls>
reg_route=<sip:{proxy};transport=tls>
reg_identity=<sip:visitor@stranger.example>
reg_expires=0
reg_sendregister=0
publish=0
[rtp]
audio_rtp_port=-1
audio_jitt_comp=20
[net]
mtu=1300
[sound]
playback_dev_id=null
capture_dev_id=null
ringer_dev_id=null
[misc]
uuid=0
"""


class Linphone:
	def __init__(self, dir, proxy, ca, dns):
		self.exe = proc.need("linphone-daemon")[0]
		self.dir, self.dns = dir, dns
		os.makedirs(f"{dir}/.local/share/linphone", exist_ok=True)
		with open(f"{dir}/linphonerc", "w") as f:
			f.write(CONFIG.format(ca=ca, proxy=proxy))
		self.proc = None

	def start(self):
		argv = [self.exe, "--config", f"{self.dir}/linphonerc", "--log", f"{self.dir}/linphone.debug"]
		if self.dns.can_wrap():
			argv = self.dns.wrap(argv)
		self.proc = proc.Proc("linphone", argv, f"{self.dir}/linphone.log", cwd=self.dir, env={"HOME": self.dir}, stdin=subprocess.PIPE)
		self.proc.wait_log("daemon-linphone>", 15, start=0)
		return self

	def command(self, line, timeout=5.0):
		start = self.proc.mark()
		self.proc.p.stdin.write(line.encode() + b"\n")
		self.proc.p.stdin.flush()
		self.proc.wait_log(r"Status: (Ok|Error)[\s\S]*daemon-linphone>", timeout)
		return self.proc.text(start)

	def stop(self):
		if self.proc:
			self.proc.stop(2)
			self.proc = None
