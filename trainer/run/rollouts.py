"""Rollouts of a training run, kept for people every few steps: ``rollouts/`` of its folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from arrol_serve.files import replacing
from arrol_serve.rollout import fate_of
from trainer.errors import ConfigError
from trainer.groups.judged import JudgedGroup, JudgedRollout
from trainer.policy.batch import TrainRow
from trainer.samples.kept import ShownGroup, ShownReply, packed, read_groups

FOLDER = "rollouts"


def keep_rollouts(
    run: Path, step: int, every: int, groups: Sequence[JudgedGroup], rows: Sequence[TrainRow]
) -> None:
    """Write the file of ``step`` if it is one of ``every``; the first is. ``rows``: what was trained on."""
    if not every or (step != 1 and step % every):
        return
    trained = {(row.prompt_ids, row.token_ids): row for row in rows}
    path = kept_file(run, step)
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as part:
        part.write_bytes(packed([_shown(step, group, trained) for group in groups]))


def kept_file(run: Path, step: int) -> Path:
    return run / FOLDER / f"step-{step:06d}.jsonl.gz"


Trained = dict[tuple[tuple[int, ...], tuple[int, ...]], TrainRow]


def _shown(step: int, group: JudgedGroup, trained: Trained) -> ShownGroup:
    return ShownGroup(
        name=f"{step}/{group.number}",
        part=f"step {step}",
        question=group.prompt.question,
        gold=group.prompt.gold,
        before=group.prompt.before,
        replies=tuple(_reply(rollout, trained) for rollout in group.rollouts),
    )


def _reply(rollout: JudgedRollout, trained: Trained) -> ShownReply:
    """``survival``: the chance with which it was let live; ``score``: the quality head's, at the end;
    ``advantage``: none where it was not trained on."""
    sampled = rollout.sampled
    row = trained.get((sampled.prompt_ids, sampled.token_ids))
    quality = sampled.report.get("quality")
    figures = {
        "reward": None if rollout.correct is None else rollout.reward,
        **{f"reward {name}": value for name, value in rollout.parts.items()},
        "advantage": None if row is None else row.advantage,
        "weight": None if row is None else row.weight,
        "survival": rollout.survival,
        "score": quality if quality is not None and math.isfinite(quality) else None,
    }
    for tokens, score, survival in sampled.report.get("probes", ()):
        figures |= {f"score at {tokens}": score, f"survival at {tokens}": survival}
    fate = fate_of(sampled.finish_reason, sampled.stop_reason).value
    return ShownReply(
        sampled.index, sampled.text, sampled.token_count, fate, rollout.correct, figures=figures
    )


def kept_rollouts(run: Path) -> list[ShownGroup]:
    """All that were kept, by step. Raises ``ConfigError`` where there are none."""
    paths = sorted((run / FOLDER).glob("step-*.jsonl.gz"))
    if not paths:
        is_run = (run / "config.toml").exists()
        why = "log.rollouts_every is 0, or no step is done" if is_run else "it is no training run"
        raise ConfigError(f"{run} holds no rollouts: {why}")
    return [group for path in paths for group in read_groups(path)]
