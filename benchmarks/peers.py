"""The peers in their own virtual environments, made on first use, and how each is started.

Versions are pinned: a comparison with something else is another comparison.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import free_port, running

CACHE = Path.home() / ".cache" / "arrol-benchmarks"
ITS_HUB, OPTILLM = "its-hub 1.2.0", "optillm 0.4.0"
INSTALLS: dict[str, tuple[tuple[str, ...], ...]] = {
    ITS_HUB: (("its-hub[iaas]==1.2.0",),),
    # Its requirements_proxy_only.txt: the full install wants torch and a browser.
    OPTILLM: (
        (
            *("openai", "aiohttp", "flask", "azure.identity", "litellm", "requests", "PyYAML"),
            *("cerebras_cloud_sdk", "numpy", "networkx", "z3-solver<=4.15.4.0", "sympy"),
            "math_verify",
        ),
        ("--no-deps", "optillm==0.4.0"),
    ),
}
ANSWER_REGEX = r"[Tt]he answer is (?:\\boxed\{)?(.+?)\}?\.?\s*$"
"""What its_hub votes on: the answer of either ending, cleanly cut."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy that is running."""

    name: str
    url: str


def environment(name: str, venvs: Path) -> Path:
    """The ``bin`` of the peer's virtual environment; installs it if it is not whole.

    ``SystemExit`` with pip's output if the installation fails.
    """
    folder = venvs / name.replace(" ", "-")
    done = folder / "installed.json"
    wanted = json.dumps(INSTALLS[name])
    if not done.exists() or done.read_text() != wanted:
        print(f"installing {name} into {folder.name} (a minute or two)", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        for words in INSTALLS[name]:
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            tried = subprocess.run([*pip, *words], capture_output=True, text=True, check=False)
            if tried.returncode:
                raise SystemExit(f"{name} could not be installed:\n{tried.stderr[-2000:]}")
        done.write_text(wanted)
    return folder / "bin"


@contextmanager
def optillm(upstream: str, model: str, venvs: Path) -> Iterator[Peer]:
    """optillm in front of ``upstream``; the approach is a prefix of the model's name."""
    port = free_port()
    program = str(environment(OPTILLM, venvs) / "optillm")
    options = ["--base-url", f"{upstream}/v1", "--model", model, "--port", str(port)]
    with running([program, *options], port, {"OPENAI_API_KEY": "sk-no-key"}) as peer:
        yield Peer(OPTILLM, peer.url)


@contextmanager
def its_hub(upstream: str, model: str, budget: int, venvs: Path) -> Iterator[Peer]:
    """its_hub's server in front of ``upstream``, with self-consistency."""
    port = free_port()
    program = str(environment(ITS_HUB, venvs) / "its-iaas")
    command = [program, "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port) as peer:
        settings = {
            "endpoint": f"{upstream}/v1",
            "api_key": "unused",
            "model": model,
            "alg": "self-consistency",
            "regex_patterns": [ANSWER_REGEX],
            "budget": budget,
            "tool_vote": "tool_hierarchical",
        }
        request = urllib.request.Request(  # noqa: S310  # our own process
            f"{peer.url}/configure",
            json.dumps(settings).encode(),
            {"content-type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310  # our own process
        yield Peer(ITS_HUB, peer.url)
