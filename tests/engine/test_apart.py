"""What needs an engine set up in its own way, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.paths import ROOT


def run_apart(command: str) -> dict[str, Any]:
    quiet = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.apart", command],
        cwd=ROOT,
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_an_idle_plugin_gives_the_same_tokens_as_plain_vllm() -> None:
    plain, idle = run_apart("plain"), run_apart("idle")
    assert plain["scheduler"] == "Scheduler"
    assert idle["scheduler"] == "SyncPruningScheduler"
    assert any(plain["tokens"])
    assert idle["tokens"] == plain["tokens"]


def test_groups_survive_preemption_under_a_tiny_kv_cache() -> None:
    tight = run_apart("tight")
    assert tight["preempted"] > 0
    assert len(tight["counts"]) == 24
    # Members that end before their last sibling is even scheduled are never at risk.
    assert all(40 <= count <= 120 for count in tight["counts"])
    assert 0 < sum(count < 120 for count in tight["counts"]) <= 12
    assert tight["leaked_blocks"] == 0
    assert tight["groups"] == 0
