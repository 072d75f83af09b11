"""The metrics of a server whose head is swapped again and again, in each way that it may be deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arrol_serve.metrics import MOST_HEADS
from tests.paths import ROOT

SWAPS = 100
SEARCHES = f"""
import json
from prometheus_client import CollectorRegistry, REGISTRY, multiprocess
from arrol_serve.api import accounting
from arrol_serve.api.ticket import SearchTicket
from tests.unit.api.searches import HEADED, ended, plan

count = accounting.Accounting("x-v1")
for number in range({SWAPS}):
    for version in (f"v{{number}}", f"v{{number}}", "v0"):
        ticket = ended(SearchTicket(plan(), choices=1))
        ticket.head_version = version
        count(ticket)
if accounting.CAN_FORGET:
    registry = REGISTRY
else:
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
(family,) = [f for f in registry.collect() if f.name == "arrol_head_info"]
print(json.dumps([[s.labels["version"], s.value] for s in family.samples]))
"""


def heads(**environment: str) -> dict[str, float]:
    """Version -> value, after searches by a hundred heads in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SEARCHES],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_one_process_names_the_last_head_alone() -> None:
    assert heads() == {"v0": 1}


def test_several_processes_name_a_bounded_number(tmp_path: Path) -> None:
    found = heads(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert len(found) == MOST_HEADS + 1
    assert found.keys() > {f"v{number}" for number in range(MOST_HEADS)}
    assert [version for version, value in found.items() if value == 1] == ["v0"]
    assert found["other"] == 0


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
