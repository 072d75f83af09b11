"""Where the seconds of plain ``n=16`` and of our search go: ``python -m benchmarks profile_search``.

The arms of ``unpruned`` take turns on one server while py-spy looks at all of its processes. A sample counts
for the part of the program that its innermost known frame belongs to: what PyTorch does for a layer is the
model's, what numba does for a score is the scoring's.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.latency import ARMS as SERVERS
from benchmarks.latency import server
from benchmarks.processes import ENGINE_NAME, Running
from benchmarks.record import write_result
from benchmarks.unpruned import ARMS, in_turns, read_options

Samples = Counter[tuple[str, str]]
"""How many, by process (engine, front) and part."""
RATE = 200
"""Samples a second of each process."""
ENGINE = {
    "our scoring": ("arrol_serve/engine/plugin/scoring/", "arrol_serve/quality/"),
    "our plans, reports and the rest": ("arrol_serve/",),
    "model": ("vllm/model_executor/", "vllm/v1/attention/", "vllm/ir/", "vllm/_custom_ops.py"),
    "sampling": ("vllm/v1/sample/",),
    "worker": ("vllm/v1/worker/", "vllm/v1/executor/"),
    "scheduler and KV cache": ("vllm/v1/core/",),
    "engine loop": ("vllm/v1/",),
}
FRONT = {
    "our reading of answers": (
        "arrol_serve/answers/",
        "math_verify/",
        "latex2sympy2_extended/",
        "sympy/",
    ),
    "our search and reply": ("arrol_serve/",),
    "detokenizing, outputs": ("vllm/v1/", "vllm/tokenizers/", "transformers/"),
    "serving": ("vllm/",),
    "HTTP and event loop": (
        "uvicorn/",
        "starlette/",
        "fastapi/",
        "pydantic/",
        "uvloop/",
        "asyncio/",
    ),
}
"""By process: part -> what the paths of its files begin with; the first that fits."""
OTHER = "other"
WAITING = (
    "threading.py",
    "queue.py",
    "selectors.py",
    "zmq/sugar/poll.py",
    "concurrent/futures/",
    "multiprocessing/",
    "pebble/",
)
"""Where threads that wait are now and then taken for busy."""


def part_of(stack: Sequence[str], parts: Mapping[str, Sequence[str]]) -> str | None:
    """Of py-spy's frames, ``function (path:line)``, outermost first; None: it waits."""
    paths = [frame.rpartition("(")[2] for frame in reversed(stack)]
    if not paths or paths[0].startswith(WAITING):
        return None
    for path in paths:
        for part, beginnings in parts.items():
            if path.startswith(tuple(beginnings)):
                return part
    return OTHER


def sort_out(raw: str) -> Samples:
    """``raw``: py-spy's, with the processes as outermost frames."""
    found: Samples = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        engine = any(f.startswith("process ") and ENGINE_NAME in f for f in frames)
        code = [frame for frame in frames if not frame.startswith("process ")]
        part = part_of(code, ENGINE if engine else FRONT)
        if part is not None:
            found["engine" if engine else "front", part] += int(count)
    return found


@contextmanager
def watched(running: Running) -> Iterator[Samples]:
    """Samples of all of a server's processes; they are there once it ends."""
    spy = shutil.which("py-spy")
    if spy is None:
        raise SystemExit("py-spy is not installed: make setup")
    found: Samples = Counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "raw"
        command = [spy, "record", "--pid", str(running.pid), "--subprocesses"]
        command += ["--format", "raw", "--rate", str(RATE), "--output", str(out)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        yield found
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        if not out.exists():
            raise SystemExit(f"py-spy has nothing to say: {said.decode()[-500:]}")
        found.update(sort_out(out.read_text()))


async def measure(
    running: Running, blocks: int, at_once: int
) -> tuple[dict[str, Samples], dict[str, float]]:
    """By arm, samples and generated tokens."""
    samples: dict[str, Samples] = {arm: Counter() for arm in ARMS}
    tokens = dict.fromkeys(ARMS, 0.0)
    async for arm, counts, run in in_turns(running, blocks, at_once):
        with watched(running) as seen:
            await asyncio.sleep(1)  # it attaches
            figures = await run()
        if counts:
            samples[arm].update(seen)
            tokens[arm] += figures["tokens"]
    return samples, tokens


def summarise(samples: dict[str, Samples], tokens: dict[str, float]) -> list[dict[str, Any]]:
    """By process and part, milliseconds for a thousand tokens of each arm."""
    rows = []
    for process, parts in (("engine", ENGINE), ("front", FRONT)):
        for part in (*parts, OTHER):
            ms = {
                arm: 1000 * samples[arm][process, part] / RATE / (tokens[arm] / 1000)
                for arm in ARMS
            }
            rows.append({"process": process, "part": part, "ms": ms})
    return rows


def main() -> None:
    settings, note = read_options("profile_search", __doc__, blocks=6)
    with server(SERVERS["arrol-serve"]) as (running, _):
        found = asyncio.run(measure(running, settings["blocks"], settings["at_once"]))
    rows = summarise(*found)
    settings |= {"rate": RATE, "tokens": found[1]}
    write_result("profile_search", settings, rows, seeds=[0], note=note)
    for row in rows:
        told = "  ".join(f"{ms:7.1f}" for ms in row["ms"].values())
        print(f"{row['process']:8s} {row['part']:34s} {told}")


if __name__ == "__main__":
    main()
