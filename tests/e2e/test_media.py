# SPDX-License-Identifier: Apache-2.0
"""Pinholes: open for one call and one source, and for nobody else."""
import socket
import struct

from lab.net import udp_bound, wait_until
from lab.rtp import Endpoint, audio_of, offer
from lab.world import OURS, ZONEB


def test_a_third_party_reaches_nobody_through_a_pinhole(lab):
	media = Endpoint(lab.ip(41))
	with lab.as_zoneb() as c, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=media).invite()
		pinhole = audio_of(call.wait().body)
		media.wait(10)
		thief.bind((lab.ip(66), 0))
		thief.setblocking(False)
		for seq in range(50):
			thief.sendto(struct.pack("!BBHII", 0x80, 0, seq, seq * 160, 0x0bad0bad) + b"\x55" * 160, pinhole)
		media.wait(20)
		assert lab.rtp_desk.ssrcs[0x0bad0bad] == 0, "a foreign source was forwarded"
		try:
			assert not thief.recv(2048), "the pinhole answered a foreign source"
		except (BlockingIOError, ConnectionRefusedError):
			pass
		assert call.bye().status == 200
		wait_until("the pinhole to close", lambda: not udp_bound(*pinhole), 5)
	media.close()


def test_media_comes_from_the_advertised_port_with_rtcp_beside_it(lab):
	media = Endpoint(lab.ip(41))
	with lab.as_zoneb() as c:
		call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}", media=media).invite()
		ip, port = audio_of(call.wait().body)
		media.wait(20)
		assert media.sources == {(ip, port)}
		assert 36000 <= port <= 59998 and port % 2 == 0
		report = struct.pack("!BBHI", 0x80, 201, 1, media.ssrc)
		def rtcp():
			media.rtcp.sendto(report, (ip, port + 1))
			return lab.rtp_desk.rtcp_received
		lab.rtp_desk.rtcp_received = 0
		wait_until("RTCP at the desk", rtcp, 5, step=0.05)
		assert call.bye().status == 200
	media.close()


def test_addresses_media_must_not_go_to(lab):
	with lab.as_zoneb() as c:
		for bad in ("224.0.0.1", "255.255.255.255", "0.1.2.3", lab.ip(10), "10.0.0.1"):
			call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(bad))
			answer = call.wait()
			if answer.status == 200:
				call.bye()
			assert answer.status == 488, f"{bad}: {answer}"
	lab.edge.wait_nothing_held(connections=False)


def test_released_ports_rest(lab):
	"""The port of the last call is not given to the next."""
	ports = []
	for _ in range(3):
		with lab.as_zoneb() as c:
			call = lab.call(c, f"desk@{OURS}", f"zoneb@{ZONEB}").invite(offer(lab.ip(41)))
			ports.append(audio_of(call.wait().body)[1])
			assert call.bye().status == 200
	assert len(set(ports)) == 3, ports
