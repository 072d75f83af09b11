"""Sampled rollout groups as JSONL: what was said, to be read by people and computed on again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from arrol_serve.files import replacing
from trainer.engines.sampling import SampledRollout
from trainer.errors import BrokenShard


def save_rollouts(path: Path, groups: Sequence[Sequence[SampledRollout]]) -> None:
    """A line for each rollout, groups in order; the file appears whole or not at all."""
    with replacing(path) as part:
        part.write_text("".join(json.dumps(asdict(r)) + "\n" for group in groups for r in group))


def load_rollouts(path: Path, samples: int) -> list[list[SampledRollout]]:
    """Groups of ``samples``. Raises ``BrokenShard``."""
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        tuples = ("token_ids", "prompt_ids", "logprobs")
        rollouts = [SampledRollout(**row | {k: tuple(row[k]) for k in tuples}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenShard(f"{path} is not whole ({error}).") from error
    if not rollouts or len(rollouts) % samples:
        raise BrokenShard(f"{path} is not whole ({len(rollouts)} rollouts).")
    return [rollouts[i : i + samples] for i in range(0, len(rollouts), samples)]
