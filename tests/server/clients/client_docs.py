"""The programs of docs/clients.md, and environments of their own to run them in."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

DOCS = ROOT / "docs" / "clients.md"
KEPT = "ARROL_CLIENT_ENVIRONMENTS"
"""A folder in which environments stay between runs."""
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INSTALL_LIMIT_S = 900


@dataclass(frozen=True)
class Example:
    """One section with a program: how its packages are installed, and the program."""

    title: str
    install: str
    """A line such as ``pip install openai`` or ``npm install openai``."""
    language: str
    """python, js or sh."""
    program: str


class NotInstallable(Exception):
    """An environment cannot be made here."""


def examples() -> list[Example]:
    """Every section that has an ``sh`` block to install by and then a program."""
    found = []
    for section in re.split(r"^## ", DOCS.read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        blocks = _BLOCK.findall(text)
        if len(blocks) >= 2:
            (_, install), (language, program) = blocks[0], blocks[1]
            found.append(Example(title.strip(), install.strip(), language, program))
    return found


def environment(example: Example, fallback: Path) -> Path:
    """A folder with the example's packages installed. Raises ``NotInstallable``."""
    digest = hashlib.sha256(example.install.encode()).hexdigest()[:12]
    folder = Path(os.environ.get(KEPT) or fallback) / f"{example.install.split()[0]}-{digest}"
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        tool, _, *packages = example.install.split()
        if tool == "pip":
            _call([sys.executable, "-m", "venv", str(folder / "venv")], folder)
            _call([str(folder / "venv/bin/pip"), "install", "-q", *map(_bare, packages)], folder)
        else:
            _call([shutil.which(tool) or tool, "install", *packages], folder)
        done.write_text(example.install + "\n")
    return folder


def run(example: Example, folder: Path, url: str, key: str) -> str:
    """What the program prints when it talks to ``url``."""
    program = example.program.replace("http://127.0.0.1:8000", url).replace("unused", key)
    suffix = {"python": "py", "js": "mjs", "sh": "sh"}[example.language]
    file = folder / f"example.{suffix}"
    file.write_text(program)
    runner = {
        "python": [str(folder / "venv/bin/python")],
        "js": ["node"],
        "sh": ["bash", "-e"],
    }[example.language]
    path = f"{folder / 'venv/bin'}:{os.environ['PATH']}"
    keep = {"HOME": os.environ.get("HOME", "/"), "PATH": path}
    ended = subprocess.run(
        [*runner, file.name], cwd=folder, env=keep, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    return ended.stdout


def _bare(package: str) -> str:
    return package.strip("'\"")


def _call(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_LIMIT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise NotInstallable(f"{' '.join(command)}: {said.strip()[-300:]}") from error
