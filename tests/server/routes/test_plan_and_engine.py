"""The capacity planner against a running engine."""

from __future__ import annotations

import json
import re
import urllib.request

from arrol_serve.planner.command import plan_command
from tests.paths import MODEL
from tests.server.conftest import Server


def test_the_kv_capacity_is_the_one_that_the_engine_reports(server: Server) -> None:
    """Within 1 %: the engine rounds to its blocks and sets one aside."""
    with urllib.request.urlopen(f"{server.url}/metrics") as reply:
        metrics = reply.read().decode()
    (line,) = [m for m in metrics.splitlines() if m.startswith("vllm:cache_config_info{")]
    label = dict(re.findall(r'(\w+)="([^"]*)"', line))
    measured = int(label["num_gpu_blocks"]) * int(label["block_size"])
    figures = ["--gpu", "l4", "--kv-gib", "1", "--block", label["block_size"], "--json"]
    planned = json.loads(plan_command([str(MODEL), *figures]))["plan"]["kv_tokens"]
    assert abs(planned - measured) <= 0.01 * measured
