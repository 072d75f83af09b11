"""What a command leaves behind when it crashes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from arrol_serve import __version__

CRASH = "import os; (lambda: os.abort())()"


@pytest.mark.parametrize("module", ["arrol_serve.cli", "trainer.cli", "trainer.evaluation.cli"])
def test_a_crash_shows_where_it_was(module: str) -> None:
    """In the process of a command, and in one that it starts."""
    command = f"""
import subprocess, sys
from {module} import main
try:
    main(["--version"])
except SystemExit:
    pass
subprocess.run([sys.executable, "-c", {CRASH!r}])
{CRASH}
"""
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert ended.returncode < 0
    assert ended.stderr.count("Fatal Python error: Aborted") == 2
    assert ended.stderr.count("in <lambda>") == 2
    assert __version__ in ended.stdout
