"""Questions that exist as rows, in an endless order: see ``rows``."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError, DataError
from trainer.prompts.prompt import Prompt
from trainer.prompts.rows import HUB, question_and_answer, rows_of
from trainer.sections import DataSection
from trainer.seeds import seed_for


class Listed:
    """All usable rows, each epoch in its own seeded order.

    Raises ``ConfigError`` naming the first broken row, unless ``data.broken_rows`` is ``skip``,
    and where no row is usable.
    """

    def __init__(self, config: DataSection, seed: int) -> None:
        self._seed, self._config = seed, config
        self.broken: list[str] = []
        """What was wrong with the rows that were skipped, by line."""
        source = config.source
        kind = source.removeprefix(HUB) if source.startswith(HUB) else Path(source).stem
        rows = rows_of(source, config.subset, config.split)
        try:
            self._prompts = list(self._usable(kind, rows, config))
        except DataError as error:
            raise ConfigError(f"data.source: {error}.", param="data.source") from error
        self._say()
        self._epoch, self._order = -1, list(range(len(self._prompts)))

    def leave_out(self, fault: Callable[[Prompt], str | None]) -> None:
        """Count rows that have a fault among the broken ones. Before the first prompt is asked for."""
        faults = [(prompt, fault(prompt)) for prompt in self._prompts]
        found = [f"row {prompt.key}: {why}" for prompt, why in faults if why is not None]
        if found:
            self.broken += found
            self._prompts = [prompt for prompt, why in faults if why is None]
            self._say()

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
                question, gold = question_and_answer(
                    row, config.question, config.answer, config.answer_after
                )
            except ValueError as error:
                self.broken.append(f"{where}: {error}")
            else:
                yield Prompt(where.rsplit(" ", 1)[-1], kind, question, gold)

    def _say(self) -> None:
        config = self._config
        if self.broken and config.broken_rows == "refuse":
            raise ConfigError(
                f"{len(self.broken)} broken rows, the first one: {self.broken[0]}. Repair them, or "
                'set data.broken_rows = "skip".',
                param="data.source",
            )
        if not self._prompts:
            why = f"; the first one: {self.broken[0]}" if self.broken else ""
            raise ConfigError(f"data.source: {config.source} holds no usable row{why}.")
        if self.broken:
            print(
                f"data.source: {len(self.broken)} broken rows of {config.source} are skipped, "
                f"{len(self._prompts)} are left. The first: {self.broken[0]}",
                file=sys.stderr,
            )
