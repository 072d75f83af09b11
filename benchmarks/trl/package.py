"""TRL in a folder of its own, without its dependencies, which are here already."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRL = "trl==1.16.0"


def install(package: Path) -> None:
    if not package.exists():
        words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
        subprocess.run([*words, str(package), TRL], check=True)
