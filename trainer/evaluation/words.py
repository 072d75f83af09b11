"""Options that ``arrol-eval`` and ``arrol-eval tune`` have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.evaluation.answer_option import FORMS
from trainer.evaluation.datasets import KINDS


def add_data(group: argparse._ArgumentGroup, limit: int | None = None) -> None:
    """Which questions; ``limit``: the default."""
    group.add_argument("--data", help=f"one or more, split by commas: {KINDS}")
    group.add_argument("--data-dir", type=Path, help="folder of the named sets; or ARROL_DATA")
    group.add_argument("--question-field", default="question", help="dots lead into nested fields")
    group.add_argument("--answer-field", default="answer")
    group.add_argument("--answer-after", default="", help="what the answer follows, such as ####")
    group.add_argument("--subset", default="", help="of a dataset on a hub")
    group.add_argument("--split", default="test", help="of a dataset on a hub")
    group.add_argument(
        "--limit",
        type=int,
        default=limit,
        help=f"questions of each data set; default: {limit or 'all'}",
    )
    group.add_argument("--answer", default="auto", help=f"how replies are read: {FORMS}")
    group.add_argument("--answer-timeout", type=float, default=5.0, help="seconds for one answer")


def add_sampling(group: argparse._ArgumentGroup, samples: int) -> None:
    """How rollouts are sampled; ``samples``: the default."""
    group.add_argument("--samples", type=int, default=samples, help=f"default: {samples}")
    group.add_argument("--temperature", type=float, default=1.0, help="default: 1")
    group.add_argument(
        "--top-p", type=float, default=1.0, help="1: off, whatever the model's file says"
    )
    group.add_argument(
        "--top-k", type=int, default=0, help="0: off, whatever the model's file says"
    )
    group.add_argument(
        "--max-tokens",
        type=int,
        help="of a reply; default: half of the model's context, at most 4096; 256 for the bundled one",
    )
    group.add_argument("--max-model-len", type=int, help="default: what the longest question needs")
    group.add_argument(
        "--seed", type=int, default=0, help="runs of different seeds share no sample"
    )
