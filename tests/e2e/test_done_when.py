# SPDX-License-Identifier: Apache-2.0
"""What scripts/quickstart shows, one test each: the scenarios of lab/scenarios.py."""
import pytest

from lab import scenarios


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda f: f.__name__)
def test(lab, scenario):
	scenario(lab)
