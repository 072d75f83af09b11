"""Heads swapped through the admin port while searches run: no answer is by two heads, or by the wrong one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest

from arrol_serve.quality.artifact import load_head, save_head
from tests.paths import HEAD
from tests.server.conftest import ADMIN_KEY, Server
from tests.server.leaving import check_nothing_is_left

CALIBRATIONS = {"as-is": (1.0, 0.0), "opposite": (-1.0, 0.0), "flat": (0.3, 0.5)}
"""Version -> what becomes of the bundled head's scale and shift."""
PLANS: list[dict[str, Any]] = [
    {"samples": 8, "prune": {"keep": 0.5, "probes": [8, 20]}},
    {"samples": 8, "prune": {"policy": "threshold", "threshold": 0.5, "probes": [12]}},
    {"samples": 6, "vote": "rank"},
    {"samples": 6, "early_stop": {"agreement": 0.99}, "min_samples": 3},
]
ROUNDS, CROWD, BEAT_S = 3, 24, 0.15


def body(number: int) -> dict[str, Any]:
    question = f"What is {31 + number}*{17 + number % 5}-8+{number}?"
    return {
        "model": "arrol-tiny",
        "messages": [{"role": "user", "content": question}],
        "seed": number,
        "temperature": 1.3,
        "max_tokens": 80,
        "arrol": {**PLANS[number % len(PLANS)], "return": "candidates"},
    }


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Heads that disagree on who is better, by version."""
    folders = {}
    for version, (slope, offset) in CALIBRATIONS.items():
        head, manifest = load_head(HEAD)
        head.set_calibration(slope * float(head.scale), slope * float(head.shift) + offset)
        folders[version] = tmp_path_factory.mktemp(version)
        save_head(folders[version], head, manifest)
    return folders


@pytest.fixture
def admin(server: Server) -> Iterator[httpx.Client]:
    """The admin port; the bundled head is back in force afterwards."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    with httpx.Client(base_url=server.admin, headers=headers, timeout=60) as http:
        yield http
        http.post("/admin/head", json={"path": str(HEAD)}).raise_for_status()


def seen(reply: dict[str, Any]) -> dict[int, Any]:
    """Candidate -> what its head made of it; nothing of those that were called off, whenever it was."""
    return {
        c["index"]: (c["fate"], c["text"], c["quality"], [p["score"] for p in c["probes"]])
        for c in reply["arrol"]["candidates"]
        if c["fate"] != "cancelled"
    }


def check_same(found: dict[int, Any], expected: dict[int, Any], *, whole: bool) -> None:
    """Which ones are pruned is a matter of rounding among candidates that begin with the same text."""
    assert not whole or found.keys() == expected.keys()
    for index in found.keys() & expected.keys():
        (fate, text, quality, scores), other = found[index], expected[index]
        assert text.startswith(other[1]) or other[1].startswith(text)
        common = min(len(scores), len(other[3]))
        assert scores[:common] == pytest.approx(other[3][:common], abs=0.01)
        if (fate, text) == other[:2]:
            assert quality == pytest.approx(other[2], abs=0.01)


def test_every_answer_is_by_one_head_however_often_it_is_swapped(
    server: Server, admin: httpx.Client, heads: dict[str, Path]
) -> None:
    alone: dict[tuple[str, int], dict[int, Any]] = {}
    for version, folder in heads.items():
        swapped = admin.post("/admin/head", json={"path": str(folder), "version": version})
        assert swapped.json()["version"] == version
        for number in range(CROWD):
            alone[version, number] = seen(server.post(body(number)).json())
    assert len({str(alone[version, 0]) for version in heads}) == len(heads), "they agree"

    replies, swaps, together = asyncio.run(_crowd_and_swaps(server, heads))
    used = set()
    for number, reply in replies:
        version = reply["arrol"]["head"]["version"]
        used.add(version)
        adaptive = "early_stop" in body(number)["arrol"]
        check_same(seen(reply), alone[version, number], whole=not adaptive)
    assert used == set(heads)
    assert swaps >= 2 * ROUNDS
    assert together > 1, "no search ran across a swap: the test tests nothing"
    check_nothing_is_left(server)
    # A search that was decided before its second group began holds its head for a while.
    (held,) = admin.get("/admin/status").json()["heads_in_use"]
    assert held <= len(heads) + 1  # and the one that the server began with


async def _crowd_and_swaps(
    server: Server, heads: dict[str, Path]
) -> tuple[list[tuple[int, dict[str, Any]]], int, int]:
    """Replies by body; how often the head was swapped; the most heads in use at once."""
    replies, swaps, together = [], 0, 0
    async with httpx.AsyncClient(timeout=120) as http:

        async def ask(number: int) -> None:
            url, headers = f"{server.url}/v1/chat/completions", {"authorization": "Bearer secret"}
            reply = await http.post(url, json=body(number), headers=headers)
            assert reply.status_code == 200, reply.text
            replies.append((number, reply.json()))

        crowd = [asyncio.create_task(ask(n)) for n in range(CROWD) for _ in range(ROUNDS)]
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        for version, folder in cycle(heads.items()):
            if all(task.done() for task in crowd):
                break
            wanted = {"path": str(folder), "version": version}
            swapped = await http.post(f"{server.admin}/admin/head", json=wanted, headers=headers)
            assert swapped.status_code == 200, swapped.text
            status = await http.get(f"{server.admin}/admin/status", headers=headers)
            swaps, together = swaps + 1, max(together, *status.json()["heads_in_use"])
            await asyncio.sleep(BEAT_S)
        await asyncio.gather(*crowd)
    return replies, swaps, together
