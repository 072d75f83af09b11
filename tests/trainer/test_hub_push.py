"""A push that cannot be made says what to do, and the export stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.paths import ROOT
from trainer.errors import ConfigError
from trainer.run.hub import check_name

PUSH = """
import sys
from pathlib import Path
from trainer.errors import ConfigError
from trainer.run.hub import push
try:
    push(Path(sys.argv[1]), "someone/model")
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["a/b/c", "bad name", "-x", "a--b"])
def test_what_no_repository_is_called_is_refused_before_anything_is_made(name: str) -> None:
    with pytest.raises(ConfigError, match="--push"):
        check_name(name)
    check_name("someone/model")


@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_hub_that_cannot_be_reached_is_said_with_what_to_do(tmp_path: Path, offline: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    endpoint = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [sys.executable, "-c", PUSH, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": offline, "HF_TOKEN": "none"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{endpoint} did not take it" in done.stdout
    assert f"hf upload someone/model {tmp_path}" in done.stdout
