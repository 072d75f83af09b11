"""What the set-up tests share: a machine where pip knows nothing but its defaults, and small wheels."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.paths import ROOT
from tools import install

DROPPED = ("PIP_", "XDG_", "UV_", "PYTHON", "TORCH_INDEX", "VIRTUAL_ENV", "MAKE", "MFLAGS")


def emptied(**more: str) -> dict[str, str]:
    """The environment without anything that configures pip or Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    nowhere = {
        "PIP_CONFIG_FILE": os.devnull,
        "XDG_CONFIG_DIRS": "/nowhere",
        "XDG_CONFIG_HOME": "/nowhere",
    }
    return kept | nowhere | more


def closed_port() -> str:
    """An address of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def torch_wheels(folder: Path) -> list[Path]:
    """A folder with PyTorch's CPU build, if this machine's pip knows it; else none."""
    lock = (ROOT / "requirements" / "cpu.txt").read_text()
    wanted = "torch==" + install.locked_torch(lock, platform.machine())
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    told = subprocess.run([*command, *install.BOUNDED, wanted], capture_output=True, check=False)
    return [] if told.returncode else [folder]


def small_wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel that holds nothing but its name and version: pip's choices depend on no more."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path
