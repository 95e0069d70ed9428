# SPDX-License-Identifier: Apache-2.0
"""The partner: Kamailio with mutual TLS both ways, record-routing, with its own agents behind it over TCP."""
import os

from . import proc
from .net import accepts, wait_until

CONFIG = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=2
server_signature=no
auto_aliases=no
enable_tls=yes
tcp_connection_lifetime=600
tcp_connect_timeout=3
listen=tls:{ip}:5061 advertise {host}:5061
listen=tcp:{ip}:5060
alias="{host}"
disable_core_dump=yes
dns_cache_init=on
dns_cache_negative_ttl=1
use_dns_failover=on
mpath="{modules}"
loadmodule "tls.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
modparam("tls", "config", "{dir}/tls.cfg")
modparam("tls", "low_mem_threshold1", 0)
modparam("tls", "low_mem_threshold2", 0)
modparam("rr", "enable_full_lr", 1)
modparam("tm", "fr_timer", 10000)
modparam("tm", "fr_inv_timer", 60000)

request_route {{
	xlog("L_NOTICE", "seen $rm ruri=$ru from=$fu call=$ci proto=$proto source=$si:$sp\\n");
	if (!mf_process_maxfwd_header("70")) {{
		sl_send_reply("483", "Too Many Hops");
		exit;
	}}
	if (is_method("CANCEL")) {{
		if (t_check_trans()) t_relay();
		exit;
	}}
	if (has_totag()) {{
		if (loose_route()) {{
			t_on_reply("LOG");
			t_relay();
		}} else if (is_method("ACK")) {{
			if (t_check_trans()) t_relay();
		}} else {{
			sl_send_reply("404", "Not here");
		}}
		exit;
	}}
	t_check_trans();
	if (is_method("OPTIONS") && uri == myself && $rU == $null) {{
		sl_send_reply("200", "OK");
		exit;
	}}
	if (is_method("INVITE|SUBSCRIBE|REFER")) record_route();
	t_on_reply("LOG");
	if ($proto == "tls") {{
		# from the federation: to the agent behind us, by the user part
{inward}
		sl_send_reply("404", "Nobody here");
		exit;
	}}
	# from behind us: the called domain is found by DNS, over TLS; the Route that led to us has done its work
	remove_hf("Route");
{outward}
	if (!t_relay()) sl_reply_error();
	exit;
}}

onreply_route[LOG] {{
	xlog("L_NOTICE", "reply $rs $rr to=$rm call=$ci proto=$proto source=$si:$sp\\n");
}}
"""

TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {key}
certificate = {crt}
ca_list = {ca}
verify_depth = 4

[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {key}
certificate = {crt}
ca_list = {ca}
verify_depth = 4
"""


class Kamailio:
	"""agents: [(user glob as a regular expression, "ip:port")] behind it, tried in order; dns: the lab's Knot."""

	def __init__(self, dir, ip, host, cert, ca, dns, agents):
		self.exe = proc.need("kamailio")[0]
		self.own_resolver = dns.can_wrap()
		# without a name server of its own it can't be asked to look up a name, not even its own
		self.dir, self.ip, self.host, self.dns = dir, ip, host if self.own_resolver else ip, dns
		self.modules = next((d for d in ("/usr/lib/x86_64-linux-gnu/kamailio/modules", "/usr/lib/aarch64-linux-gnu/kamailio/modules",
			"/usr/lib/kamailio/modules") if os.path.exists(f"{d}/tls.so")), None)
		if not self.modules:
			raise proc.Missing("missing: kamailio's tls.so (apt-get install kamailio-tls-modules)")
		os.makedirs(dir, exist_ok=True)
		inward = "".join(f"\t\tif ($rU =~ \"^{rx}$\") {{ $du = \"sip:{at};transport=tcp\"; t_relay(); exit; }}\n" for rx, at in agents)
		with open(f"{dir}/kamailio.cfg", "w") as f:
			f.write(CONFIG.format(ip=ip, host=self.host, dir=dir, modules=self.modules, inward=inward, outward=self._outward()))
		with open(f"{dir}/tls.cfg", "w") as f:
			f.write(TLS.format(key=cert.key, crt=cert.pem, ca=ca))
		self.proc = None

	def _outward(self):
		if self.own_resolver:
			return '\t$du = "sip:" + $rd + ";transport=tls";'
		# where the system allows no namespace, the harness asks the same server for the same SRV records
		host, ip, port = self.dns.srv("_sips._tcp.example.com")[0]
		return f'\t$du = "sip:{ip}:{port};transport=tls";'

	def start(self):
		argv = [self.exe, "-DD", "-E", "-f", f"{self.dir}/kamailio.cfg", "-Y", self.dir, "-m", "32", "-M", "8"]
		if self.own_resolver:
			argv = self.dns.wrap(argv)
		self.proc = proc.Proc("kamailio", argv, f"{self.dir}/kamailio.log")
		wait_until("kamailio to listen", lambda: accepts(self.ip, 5061) and accepts(self.ip, 5060), 15, alive=self.proc.check_alive)
		return self

	def seen(self, call_id, method, start=0):
		"""Did a request of that call reach us? The evidence that nothing was forwarded."""
		return any(f"seen {method} " in l and f"call={call_id} " in l for l in self.proc.text(start).splitlines())

	def stop(self):
		if self.proc:
			self.proc.stop()
			self.proc = None
