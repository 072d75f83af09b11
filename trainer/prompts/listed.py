"""Questions that exist as rows, in an endless order: see ``table``."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from trainer.errors import ConfigError, DataError
from trainer.prompts.prompt import Prompt
from trainer.prompts.rows import name_of
from trainer.prompts.table import KEYS, complaint, read_table
from trainer.sections import DataSection
from trainer.seeds import seed_for


class Listed:
    """All usable rows, each epoch in its own seeded order.

    Raises ``ConfigError`` naming the first broken rows, unless ``data.broken_rows`` is ``skip``,
    and where no row is usable.
    """

    def __init__(self, config: DataSection, seed: int) -> None:
        self._seed, self._config = seed, config
        try:
            table = read_table(config)
        except DataError as error:
            raise ConfigError(f"data.source: {error}.", param="data.source") from error
        self.broken = list(table.broken)
        """What was wrong with the rows that were skipped, by line."""
        kind = name_of(config.source)
        self._prompts = [
            Prompt(
                where.rsplit(" ", 1)[-1],
                kind,
                asked.question,
                str(asked.gold),
                asked.before,
                asked.row,
                asked.as_messages,
            )
            for where, asked in table.rows
        ]
        self._say(KEYS)
        print(f"data.source {table.note}", file=sys.stderr)
        self._epoch, self._order = -1, list(range(len(self._prompts)))

    def leave_out(self, fault: Callable[[Prompt], str | None]) -> None:
        """Count rows that have a fault among the broken ones. Before the first prompt is asked for."""
        faults = [(prompt, fault(prompt)) for prompt in self._prompts]
        found = [f"row {prompt.key}: {why}" for prompt, why in faults if why is not None]
        if found:
            self.broken += found
            self._prompts = [prompt for prompt, why in faults if why is None]
            self._say("Repair them")

    def __len__(self) -> int:
        return len(self._prompts)

    def prompt(self, number: int) -> Prompt:
        epoch, place = divmod(number, len(self._prompts))
        if epoch != self._epoch:
            self._order = list(range(len(self._prompts)))
            random.Random(seed_for(self._seed, "epoch", epoch)).shuffle(self._order)
            self._epoch = epoch
        return self._prompts[self._order[place]]

    def _say(self, fix: str) -> None:
        """Refuse or tell what is broken. ``fix``: what may help."""
        if not self.broken:
            return
        place = self._config.source
        if self._config.broken_rows == "refuse" or not self._prompts:
            skip = ', or set data.broken_rows = "skip"' if self._prompts else ": no row is left"
            raise ConfigError(
                f"data.source {place}: {complaint(self.broken, fix)}{skip}.", param="data.source"
            )
        print(
            f"data.source: {len(self.broken)} broken rows of {place} are skipped, "
            f"{len(self._prompts)} are left. The first: {self.broken[0]}",
            file=sys.stderr,
        )
