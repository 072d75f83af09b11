"""Logits and tokens of several steps on a CPU, one token a request and step, until figures are asked for."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from arrol_serve.engine.plugin.scoring.fold import Ints, Places
from arrol_serve.engine.plugin.scoring.host_distribution import Scratch, Workplace
from arrol_serve.engine.plugin.scoring.host_rounds import Round, Tokens, rounds

STEPS, MEMORY = 32, 2**19
"""Steps that are kept at most, and how many numbers that may be."""


class Pending:
    """Row after row, whoever comes and goes meanwhile."""

    def __init__(self, work: Workplace) -> None:
        self._work = work
        self._memory = Scratch()
        self._logits = torch.empty(0, 0)
        """[rows, V]"""
        self._slots: list[Ints] = []
        self._tokens: list[Tokens] = []
        """By step, [S] each."""
        self._rows = 0
        self._confidence = False

    @property
    def empty(self) -> bool:
        return not self._tokens

    def holds(self, rows: int, vocabulary: int) -> bool:
        """Whether so many rows are worth keeping: those of more than one step."""
        return 2 * rows * vocabulary <= MEMORY

    def has_room(self, rows: int) -> bool:
        return len(self._tokens) < STEPS and self._rows + rows <= len(self._logits)

    def read(self, places: Places, logits: Tensor, *, confidence: bool) -> None:
        """The logits of a step [L, V], which the sampler may write over. There is room."""
        if self._logits.shape[1] != logits.shape[1]:
            rows = MEMORY // logits.shape[1]
            self._logits = self._memory.shaped(rows, logits.shape[1])
        here = self._logits[self._rows : self._rows + len(places.slots)]
        here[:] = places.take(logits)
        self._confidence |= confidence

    def add(self, slots: Ints, tokens: Tokens) -> None:
        """What was sampled from them, [S]."""
        self._slots.append(slots)
        self._tokens.append(tokens)
        self._rows += len(slots)

    def take(self) -> list[Round]:
        """The figures, a round for steps in a row with the same requests; nothing is pending afterwards."""
        together = [list(steps) for _, steps in groupby(self._slots, id)]
        found = self._work.distribution(self._logits[: self._rows], confidence=self._confidence)
        made = rounds(
            found,
            np.arange(self._rows),
            np.concatenate(self._tokens),
            [(steps[0], len(steps)) for steps in together],
        )
        self._slots, self._tokens, self._rows, self._confidence = [], [], 0, False
        return made
