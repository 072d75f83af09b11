"""The one result schema, and the statistics every benchmark shares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.provenance import provenance

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Path:
    """``results/<name>.json``: provenance, settings, rows."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    body = {
        "provenance": provenance({}),
        "settings": dict(settings),
        "rows": [dict(r) for r in rows],
    }
    path.write_text(json.dumps(body, indent=2) + "\n")
    return path


def bootstrap(
    values: Sequence[float], *, seed: int = 0, draws: int = 10_000
) -> tuple[float, float]:
    """95 % percentile interval of the mean, resampling questions."""
    data = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, len(data), (draws, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
