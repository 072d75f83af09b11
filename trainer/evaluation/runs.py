"""One evaluation in its folder: chunks sampled, graded and kept; finished chunks are not redone."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.files import replacing
from trainer.errors import SettingsChanged
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply, grade
from trainer.evaluation.kept_replies import FILE, shown
from trainer.evaluation.records import Record, RecordFile
from trainer.samples.kept import GroupFile

Sampler = Callable[[str, Sequence[Item]], list[list[Reply]]]
"""(arm, questions) -> their replies."""

SAID = {"data_sha256": "questions (--data, --limit, or what the file holds)"}
"""Settings that have no option of their name."""
TIMES = ("sampling", "judging")


def open_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder, or go on in it. Raises ``SettingsChanged`` naming what differs.

    A run that kept no question yet, since its first engine did not start, has nothing to go on with.
    """
    if (folder / "config.toml").exists():
        raise SettingsChanged(f"{folder} holds a training run; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    path, records = folder / "settings.json", folder / "records.jsonl"
    if not path.exists() or not (records.exists() and records.stat().st_size):
        with replacing(path) as part:
            part.write_text(json.dumps(settings, indent=1) + "\n")
        return
    try:
        before = dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise SettingsChanged(f"{path} is corrupted; choose another --out") from error
    changed = [SAID.get(k, k) for k in {**before, **settings} if before.get(k) != settings.get(k)]
    if changed:
        raise SettingsChanged(
            f"{folder} holds a run with other {', '.join(changed)}; choose another --out"
        )


def sample_all(
    sampler: Sampler,
    pool: AnswerPool,
    items: Sequence[Item],
    arms: Sequence[str],
    folder: Path,
    *,
    chunk: int,
    spec: AnswerSpec,
    keep_replies: bool = True,
) -> dict[str, list[Record]]:
    """The records of every arm in the order of ``items``; the missing ones are sampled now."""
    kept = RecordFile(folder / "records.jsonl")
    texts = GroupFile(folder / FILE) if keep_replies else None
    starts = range(0, len(items), chunk)
    with tqdm(total=len(items) * len(arms), unit="question", desc="evaluation") as bar:
        for start in starts:
            batch = items[start : start + chunk]
            for arm in arms:
                if not kept.has(arm, [item.id for item in batch]):
                    began = time.perf_counter()
                    replies = sampler(arm, batch)
                    sampled = time.perf_counter()
                    found = [
                        grade(pool, arm, item, group, spec)
                        for item, group in zip(batch, replies, strict=True)
                    ]
                    if texts is not None:  # first: what has records is not sampled again
                        texts.append(list(map(shown, batch, found, replies)))
                    kept.append(found)
                    judging = time.perf_counter() - sampled
                    _keep_time(folder, arm, start, sampling=sampled - began, judging=judging)
                bar.update(len(batch))
    return {arm: [kept.records[arm, item.id] for item in items] for arm in arms}


def write_timing(folder: Path, arms: Sequence[str]) -> str:
    """Sum the kept times in ``timing.json``; a sentence for people.

    Wall time is not reproducible, so it stays out of the report.
    """
    path = folder / "timing.jsonl"
    chunks: dict[tuple[str, int], dict[str, float]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # torn by a crash
            row = json.loads(line)
            chunks[row["arm"], int(row["start"])] = {kind: float(row[kind]) for kind in TIMES}
    totals = {
        kind: {arm: sum(t[kind] for (a, _), t in chunks.items() if a == arm) for arm in arms}
        for kind in TIMES
    }
    body = {f"{kind}_seconds": by_arm for kind, by_arm in totals.items()}
    (folder / "timing.json").write_text(json.dumps(body, indent=1) + "\n")
    times = ", ".join(f"{seconds:.1f} s ({arm})" for arm, seconds in totals["sampling"].items())
    return f"Sampling took {times}; judging {sum(totals['judging'].values()):.1f} s."


def _keep_time(folder: Path, arm: str, start: int, **times: float) -> None:
    with (folder / "timing.jsonl").open("a") as file:
        file.write(json.dumps({"arm": arm, "start": start, **times}) + "\n")
