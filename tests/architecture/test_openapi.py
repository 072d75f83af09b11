"""The committed description of the API is the one the app gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMMITTED = Path(__file__).parents[2] / "openapi.yaml"


def test_openapi_yaml_is_what_the_app_serves() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "arrol_serve", "openapi"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert made.stdout == COMMITTED.read_text(), "run make openapi"
