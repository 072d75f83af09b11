"""The command, where vLLM has lost what its HTTP half is built on: one line that names it, exit status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

RESPONSES, RL = (
    f"vllm.entrypoints.{part}.api_router" for part in ("openai.responses", "rl.online")
)
NAME_IS_GONE = f"import {RESPONSES} as module; del module.create_responses"
MODULE_IS_GONE = f"import sys; sys.modules[{RL!r}] = None"
ALL_IS_GONE = "import sys; sys.modules['vllm'] = None"
LIMIT_S = 300


@pytest.mark.parametrize(
    ("broken", "words", "named"),
    [
        (NAME_IS_GONE, [], f"{RESPONSES}:create_responses is missing"),
        (NAME_IS_GONE, ["openapi"], f"{RESPONSES}:create_responses is missing"),
        (MODULE_IS_GONE, ["--help=all"], f"{RL}:router is missing"),
        (ALL_IS_GONE, [], "vLLM cannot be imported"),
    ],
    ids=["a name", "a name for another command", "a module", "all of it"],
)
def test_the_command_says_what_is_missing_in_a_line(
    broken: str, words: list[str], named: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(broken)  # runs before anything of ours
    path = os.pathsep.join(
        [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)]
    )
    done = subprocess.run(
        [sys.executable, "-m", "arrol_serve", *words],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if line.startswith("arrol-serve: ")]
    assert done.returncode == 2
    assert len(ours) == 1
    assert named in ours[0]
    assert done.stderr.rstrip().endswith(ours[0])
    assert "Traceback" not in done.stdout + done.stderr
