"""The one result schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
