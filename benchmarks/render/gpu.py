"""What GPUs have measured, or that none has yet."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.record import RESULTS, read_result


def gpu() -> str:
    """A block for each result file of ``benchmarks gpu``."""
    names = sorted(path.stem for path in RESULTS.glob("gpu_*.json"))
    if not names:
        return (
            "Not run yet. `python -m benchmarks gpu shapes` measures it within ten minutes on real shapes "
            "with random weights ([gpu.md](gpu.md)); whoever has a GPU for that long can fill this place."
        )
    return "\n\n".join(map(_block, names))


def _block(name: str) -> str:
    result = read_result(name)
    keys = list(dict.fromkeys(key for row in result.rows for key in row if key != "ratios"))
    lines = [f"| {' | '.join(keys)} |", "|---" * len(keys) + "|"]
    lines += [f"| {' | '.join(_cell(row.get(key)) for key in keys)} |" for row in result.rows]
    shape, part = result.settings["shape"], result.settings["part"]
    return "\n\n".join([f"**{part}, {shape}**. {result.where()}.", "\n".join(lines)])


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(json.loads(json.dumps(value)))
