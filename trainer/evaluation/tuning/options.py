"""``arrol-eval tune``: its words."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from trainer.errors import DataError
from trainer.evaluation.options import EvalOptions, read_options
from trainer.evaluation.words import add_data, add_sampling
from trainer.help import Help

LEAST_QUESTIONS = 20
"""Half of them choose, half report."""
LEAST_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """``evaluation``: the model, the questions and how they are sampled."""

    evaluation: EvalOptions
    policies: int
    at_once: int
    run: bool

    @property
    def model(self) -> Path:
        return MODEL if self.evaluation.model == MODEL_NAME else Path(self.evaluation.model)

    @property
    def head(self) -> Path:
        if self.evaluation.head is not None:
            return self.evaluation.head
        return HEADS / MODEL_NAME


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="arrol-eval tune",
        formatter_class=Help,
        description="Samples questions once, unpruned; replays thousands of search plans from that; "
        "chooses three presets on half of the questions and shows on the other half what they are worth.",
    )
    p.add_argument("--model", default=MODEL_NAME, help="folder of the model")
    p.add_argument(
        "--head", type=Path, help="folder of its quality head; default: the bundled one's"
    )
    p.add_argument(
        "--out", type=Path, help="folder of the tuning; needed, and gone on with if it exists"
    )
    p.add_argument("--policies", type=int, default=2000, help="search plans to try")
    p.add_argument(
        "--at-once",
        type=int,
        default=32,
        help="questions that a busy server answers at once: for fast",
    )
    p.add_argument(
        "--no-run", action="store_true", help="replay only: do not run the presets in the engine"
    )
    add_data(p.add_argument_group("data"), limit=300)
    add_sampling(p.add_argument_group("sampling"), samples=64)
    return p


def read(argv: Sequence[str]) -> TuneOptions:
    """Raises ``DataError``; exits with status 2 for words that it does not know."""
    given = vars(parser().parse_args(argv))
    if given["head"] == Path("none") or (given["model"] != MODEL_NAME and given["head"] is None):
        raise DataError("--head: a search is tuned for a quality head; arrol-train head makes one")
    if given["samples"] < LEAST_SAMPLES:
        raise DataError(f"--samples {given['samples']}: at least {LEAST_SAMPLES}")
    if given["policies"] < 1:
        raise DataError(f"--policies {given['policies']}: at least 1")
    if given["at_once"] < 1:
        raise DataError(f"--at-once {given['at_once']}: at least 1")
    return TuneOptions(
        read_options({**UNUSED, **given}),
        given["policies"],
        given["at_once"],
        run=not given["no_run"],
    )


UNUSED: Mapping[str, Any] = {
    "methods": None,
    "k": None,
    "probe": 32,
    "keep": 0.5,
    "warmup": None,
    "window": None,
    "chunk": None,
    "url": None,
    "api_key_env": "",
    "concurrency": 1,
}
"""Options of ``arrol-eval`` that a tuning has no use for."""
