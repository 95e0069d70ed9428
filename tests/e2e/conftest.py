# SPDX-License-Identifier: Apache-2.0
"""One world per pytest worker, shared by its tests; what a test needs for itself it starts for itself."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))

from lab import proc  # noqa: E402
from lab.sipward import binaries  # noqa: E402
from lab.world import World  # noqa: E402


def lacking(e):
	if os.environ.get("CI"):
		pytest.fail(str(e))
	pytest.skip(str(e))


@pytest.fixture(scope="session")
def world():
	binaries()  # a build to test is not a tool that may be missing
	try:
		w = World()
	except proc.Missing as e:
		lacking(e)
	try:
		w.edge = w.start_edge()
		yield w
		w.close_peers()  # nothing may stay behind
		if w.edge.proc and w.edge.proc.running():
			w.edge.wait_nothing_held(timeout=40)
			w.stop_edge(w.edge)
	finally:
		w.close()


@pytest.fixture
def lab(world, request):
	"""The world, quiet again."""
	for agent in (world.desk, world.far, world.zoneb, world.alice, world.bob):
		agent.reset()
	if not world.edge.proc.running():
		world.edge.start()
	request.node.lab_marks = [(p, p.mark()) for p in proc.Proc.all if p.name in ("sipwardd", "kamailio")]
	yield world
	for agent in (world.alice, world.bob):
		agent.reset()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
	outcome = yield
	report = outcome.get_result()
	if report.failed:
		for p in list(proc.Proc.all):
			start = next((m for q, m in getattr(item, "lab_marks", []) if q is p), 0)
			if p.name in ("sipwardd", "kamailio") or p.name.startswith("baresip"):
				lines = [l for l in p.text(start).splitlines() if "handle_command" not in l][-60:]
				report.sections.append((f"log of {p.name}", "\n".join(l[:400] for l in lines)))
