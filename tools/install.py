"""Installs arrol-serve with one of vLLM's engines into a virtual environment; standard library alone.

    python3 tools/install.py VENV [--engine cpu|cuda] [--editable] [--tools]

The Makefile, the image and CI all use it. Versions are those of ``requirements/``. PyTorch's CPU build is
not on PyPI: it comes from a wheel that pip already knows, else from PyTorch's own CPU index; TORCH_INDEX, a
URL or a folder of wheels, overrides both. What cannot be done ends with one line and exit status 2.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PIP = "pip==26.3"
BOUNDED = ["--retries", "1", "--timeout", "15"]
"""An index that does not answer is given up after half a minute."""
NOISE = re.compile(r"WARNING: Location '.*' is ignored|\[notice\]|\s*$")
UNREACHED = ("Retrying (Retry(", "Could not fetch URL", "Connection")
NO_COMPILER = "a C++ compiler is missing (Debian, Ubuntu: apt-get install g++)"
NO_HEADERS = "Python.h is missing (Debian, Ubuntu: apt-get install python3-dev)"
NO_NUMA = "libnuma is missing (Debian, Ubuntu: apt-get install libnuma1)"
NO_PIP = "this Python has no venv with pip (Debian, Ubuntu: apt-get install python3-venv)"
NO_WHEELS = (
    "vLLM has wheels for Linux on x86_64 and aarch64 alone: use a container or a virtual machine"
)
OLD_PYTHON = "Python 3.11 to 3.13 is needed, {} is {}: name another with PYTHON=/path/to/python"


class CannotInstall(Exception):
    """Says on one line what failed and what to do."""


def main() -> None:
    """Check the machine, then install."""
    parser = argparse.ArgumentParser("install.py", description="Install arrol-serve into VENV.")
    parser.add_argument("venv", type=Path)
    parser.add_argument("--engine", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--editable", action="store_true", help="use the code of this folder")
    parser.add_argument("--tools", action="store_true", help="with trainer, tests and linters")
    asked = parser.parse_args()
    try:
        missing = machine_lacks(asked.engine, asked.tools)
        if missing:
            raise CannotInstall("; ".join(missing) + ".")
        install(asked)
    except CannotInstall as error:
        print(f"install: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def machine_lacks(engine: str, tools: bool) -> list[str]:
    """What this machine has not, each with what to do about it."""
    lacks = {
        OLD_PYTHON.format(sys.executable, platform.python_version()): not (
            (3, 11) <= sys.version_info[:2] <= (3, 13)
        ),
        NO_WHEELS: sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
        NO_PIP: importlib.util.find_spec("ensurepip") is None,
        # Packages of the tools are compiled: pycosat of reasoning-gym.
        NO_COMPILER: tools and not shutil.which(os.environ.get("CXX", "g++").split()[0]),
        NO_HEADERS: tools and not Path(sysconfig.get_path("include"), "Python.h").exists(),
        NO_NUMA: engine == "cpu" and sys.platform == "linux" and not loads("libnuma.so.1"),
    }
    return [words for words, true in lacks.items() if true]


def loads(library: str) -> bool:
    """Whether the dynamic linker finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install(asked: argparse.Namespace) -> None:
    """Make ``asked.venv`` hold arrol-serve. Raises ``CannotInstall``."""
    python = asked.venv / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    if not python.exists():
        say(f"{asked.venv} with Python {platform.python_version()}")
        run([sys.executable, "-m", "venv", str(asked.venv)], "making a virtual environment")
        # Older ones are silent while they unpack. Where none is to be had, the old one does.
        subprocess.run([*pip, *BOUNDED, PIP], capture_output=True, check=False)
    if asked.engine == "cuda":
        say("vLLM for CUDA, at the newest versions that pyproject.toml allows")
        run([*pip, f"{ROOT}[cuda]"], "installing vLLM for CUDA")
        return
    lock = ROOT / "requirements" / ("dev.txt" if asked.tools else "cpu.txt")
    version = locked_torch(lock.read_text(), platform.machine())
    if installed_torch(python) != version:
        install_torch(pip, f"torch=={version}")
    say(f"what {lock.relative_to(ROOT)} lists; some minutes the first time")
    run([*pip, "--no-deps", "--requirement", str(lock)], f"installing {lock.name}")
    ours = ["--editable", str(ROOT)] if asked.editable else [str(ROOT)]
    run([*pip, "--no-deps", *ours], "installing arrol-serve itself")


def locked_torch(lock: str, machine: str) -> str:
    """The version of torch that a lock file names for Linux on ``machine``."""
    named: list[tuple[str, str]] = re.findall(r"^torch==(\S+)(.*)$", lock, re.MULTILINE)
    return next(v for v, marker in named if not marker or f"machine == '{machine}'" in marker)


def installed_torch(python: Path) -> str:
    """The version of torch in a virtual environment, empty without one."""
    ask = "from importlib.metadata import version; print(version('torch'))"
    told = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def install_torch(pip: list[str], wanted: str) -> None:
    """PyTorch's CPU build, from the nearest place that has it. Raises ``CannotInstall``."""
    override = os.environ.get("TORCH_INDEX", "").strip()
    known = False
    if not override:
        probe = [*pip, "--dry-run", "--no-deps", "--quiet", *BOUNDED, wanted]
        told = subprocess.run(probe, capture_output=True, text=True, check=False)
        known = told.returncode == 0
        if not known and unreached(told.stderr):
            raise CannotInstall(
                "pip cannot reach its package index (pip config list names it): let this machine reach it, "
                "or set a mirror with PIP_INDEX_URL, or a proxy with HTTPS_PROXY."
            )
    options, place = torch_source(override, known)
    say(f"{wanted} from {place}")
    try:
        run([*pip, "--no-deps", *options, wanted], f"installing {wanted}")
    except CannotInstall as error:
        if known:
            raise
        why = "cannot be reached" if unreached(str(error)) else "has none for this Python"
        raise CannotInstall(
            f"{place} {why}, and PyPI has no {wanted}: put its wheel into a folder, or name an index that "
            "has it, and repeat with TORCH_INDEX=/folder or TORCH_INDEX=https://index."
        ) from None


def torch_source(override: str, pip_knows: bool) -> tuple[list[str], str]:
    """pip's options for torch alone, and what that place is called."""
    if override and Path(override).is_dir():
        return ["--no-index", "--find-links", override], f"the folder {override}"
    if override:
        return ["--index-url", override, *BOUNDED], override
    if pip_knows:
        return [], "where pip finds it already"
    return ["--index-url", CPU_INDEX, *BOUNDED], f"PyTorch's CPU index {CPU_INDEX}"


def unreached(told: str) -> bool:
    """Whether pip's complaints are of a network that does not answer."""
    return any(words in told for words in UNREACHED)


def say(what: str) -> None:
    """One line of progress, in order with pip's own output."""
    print(f"install: {what}", flush=True)


def run(command: list[str], doing: str) -> None:
    """Run a command with its progress in sight. Raises ``CannotInstall`` with what it complained of."""
    complaints: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        complaints.extend(line.strip() for line in process.stderr or () if not NOISE.match(line))
    if process.returncode:
        raise CannotInstall(f"{doing} failed: " + " ".join(complaints[-4:] or ["see above."]))
    for line in complaints:
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
