"""A crowd of random clients that come, go and talk nonsense: nothing is lost, nothing stays behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.server.conftest import ADMIN_KEY, Server
from tests.soaking.crowd import Crowd
from tests.soaking.rounds import Soaked, soak
from tests.soaking.watch import Watch

CLIENTS, ROUNDS, SECONDS, LATEST_S = 60, 1, 4.0, 4.0


@pytest.fixture(scope="module")
def soaked(server: Server) -> Soaked:
    async def everything() -> Soaked:
        watch = Watch(server.url, server.admin, ADMIN_KEY, server.pid)
        try:
            crowd = Crowd(server.url, server.key, 5, LATEST_S)
            return await soak(crowd, watch, clients=CLIENTS, rounds=ROUNDS, seconds=SECONDS)
        finally:
            await watch.close()

    return asyncio.run(everything())


def test_who_stayed_has_the_right_answer(soaked: Soaked) -> None:
    tally = soaked.crowd.tally
    assert tally.examples == []
    assert tally.count("lost") == tally.count("wrong") == 0


def test_what_was_held_is_let_go(soaked: Soaked) -> None:
    assert soaked.leaks(memory=False) == []
    busiest = max(seen.held["vllm:num_requests_running"] for seen, _ in soaked.busy)
    assert busiest > 0, "the engine was never seen busy: the test tests nothing"


def test_the_crowd_did_all_that_a_crowd_does(soaked: Soaked) -> None:
    outcomes = soaked.crowd.tally.outcomes
    assert {kind for kind, _ in outcomes} >= {"known", "plain", "search", "structured", "bad"}
    assert {outcome for _, outcome in outcomes} >= {"left", "200", "400", "404"}
    assert soaked.crowd.tally.count("left") > soaked.crowd.tally.ended / 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_clients_for_minutes(tmp_path: Path) -> None:
    words = ["--minutes", "3", "--rounds", "3", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks", "soak", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    settings = json.loads((tmp_path / "soak.json").read_text())["settings"]
    assert (settings["concurrent"], settings["wrong"]) == (1000, [])
    assert (tmp_path / "soak.png").stat().st_size > 10_000
