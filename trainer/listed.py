"""Questions that exist as rows: of a JSONL file, or of a Hugging Face dataset."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from arrol_serve.errors import InvalidRequest
from trainer.config import DataSection
from trainer.prompt import Prompt
from trainer.seeds import seed_for

HUB = "hub:"


class Listed:
    """All usable rows, each epoch in its own seeded order.

    Raises ``InvalidRequest`` naming the first broken row, unless ``data.broken_rows`` is ``skip``,
    and where no row is usable.
    """

    def __init__(self, config: DataSection, seed: int) -> None:
        self._seed = seed
        self.broken: list[str] = []
        """What was wrong with the rows that were skipped, by line."""
        if config.source.startswith(HUB):
            kind, rows = config.source.removeprefix(HUB), _hub_rows(config)
        else:
            path = Path(config.source)
            kind, rows = path.stem, _json_rows(path)
        self._prompts = list(self._usable(kind, rows, config))
        self._say(config)
        self._epoch, self._order = -1, list(range(len(self._prompts)))

    def __len__(self) -> int:
        return len(self._prompts)

    def prompt(self, number: int) -> Prompt:
        epoch, place = divmod(number, len(self._prompts))
        if epoch != self._epoch:
            self._order = list(range(len(self._prompts)))
            random.Random(seed_for(self._seed, "epoch", epoch)).shuffle(self._order)
            self._epoch = epoch
        return self._prompts[self._order[place]]

    def _usable(
        self, kind: str, rows: Iterable[tuple[str, Any]], config: DataSection
    ) -> Iterator[Prompt]:
        for where, row in rows:
            try:
                question, gold = text_of(row, config.question), text_of(row, config.answer)
                if config.answer_after:
                    gold = _after(gold, config.answer_after)
            except ValueError as error:
                self.broken.append(f"{where}: {error}")
            else:
                yield Prompt(where.rsplit(" ", 1)[-1], kind, question, gold)

    def _say(self, config: DataSection) -> None:
        if self.broken and config.broken_rows == "refuse":
            raise InvalidRequest(
                f"{len(self.broken)} broken rows, the first one: {self.broken[0]}. Repair them, or "
                'set data.broken_rows = "skip".',
                param="data.source",
            )
        if not self._prompts:
            raise InvalidRequest(f"data.source: {config.source} holds no usable row.")
        if self.broken:
            print(
                f"data.source: {len(self.broken)} broken rows of {config.source} are skipped, "
                f"{len(self._prompts)} are left. The first: {self.broken[0]}",
                file=sys.stderr,
            )


def text_of(row: Any, path: str) -> str:
    """The text at a dotted path, such as ``answer`` or ``prompt.0.content``.

    Raises ``ValueError`` saying what is there instead.
    """
    if isinstance(row, ValueError):
        raise ValueError(f"not JSON ({row})")
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    value: Any = row
    for part in path.split(".") if path not in row else [path]:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        known = ", ".join(map(str, row))
        raise ValueError(f"no text in the field {path!r}; the row has {known or 'no fields'}")
    return value


def _after(text: str, mark: str) -> str:
    _, found, answer = text.rpartition(mark)
    if not found or not answer.strip():
        raise ValueError(f"no text after {mark!r} (data.answer_after)")
    return answer.strip()


def _json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InvalidRequest(
            f"data.source: {path} cannot be read ({error.strerror}).", param="data.source"
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:  # not JSON, or not UTF-8
            row = error
        yield f"{path.name} line {number}", row


def _hub_rows(config: DataSection) -> Iterator[tuple[str, Any]]:
    """Of a dataset on the hub, in the hub's local forms, or saved with ``save_to_disk``."""
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            f"data.source: {config.source} needs the package datasets: pip install "
            "'arrol-serve[hub]'.",
            param="data.source",
        ) from error
    name = config.source.removeprefix(HUB)
    try:
        if (Path(name) / "dataset_info.json").exists() or (
            Path(name) / "dataset_dict.json"
        ).exists():
            found = datasets.load_from_disk(name)
            rows = found[config.split] if hasattr(found, "keys") else found
        else:
            rows = datasets.load_dataset(name, config.subset or None, split=config.split)
    except Exception as error:  # whatever the hub's client, a file or a split may raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidRequest(
            f"data.source: {config.source} (data.split {config.split!r}) cannot be loaded: "
            f"{reason[0]}",
            param="data.source",
        ) from error
    for number, row in enumerate(rows):
        yield f"{name} row {number}", row
