# SPDX-License-Identifier: Apache-2.0
"""What processes hold, as the kernel counts it: to see that nothing grows."""
import os


def of(pid):
	"""{"fds", "threads", "rss_kib"} of one process."""
	status = dict(l.split(":", 1) for l in open(f"/proc/{pid}/status").read().splitlines() if ":" in l)
	return {"fds": len(os.listdir(f"/proc/{pid}/fd")), "threads": int(status["Threads"]), "rss_kib": int(status["VmRSS"].split()[0])}


def of_daemon(edge):
	"""The same for supervisor, edge and media of a sipwardd."""
	return {"supervisor": of(edge.proc.pid), "edge": of(edge.child("edge")), "media": of(edge.child("media"))}


def grown(before, after, kib, fds=8):
	"""What is more than it was, beyond what is in use just now: of memory so many KiB, of descriptors so many."""
	slack = {"rss_kib": kib, "fds": fds, "threads": 0}
	return [f"{who}: {what} {before[who][what]} -> {after[who][what]}" for who in before for what in before[who]
		if after[who][what] > before[who][what] + slack[what]]
