"""Options that ``arrol-eval`` and ``arrol-eval tune`` have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.evaluation.answer_option import FORMS
from trainer.evaluation.datasets import KINDS
from trainer.prompts.chat import add_chat
from trainer.prompts.words import add_columns, add_filters


def add_data(group: argparse._ArgumentGroup, limit: int | None = None) -> None:
    """Which questions; ``limit``: the default."""
    group.add_argument("--data", help=f"needed; one or more, split by commas: {KINDS}")
    group.add_argument(
        "--data-dir", type=Path, help="folder of the named sets; default: ARROL_DATA"
    )
    add_columns(group, split="test")
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
    group.add_argument("--samples", type=int, default=samples, help="replies a question")
    group.add_argument(
        "--temperature", type=float, default=1.0, help="0: the likeliest reply, once"
    )
    add_filters(group)
    add_chat(group)
    group.add_argument(
        "--max-tokens",
        type=int,
        help="of a reply; default: half of the model's context, at most 4096; 256 for the bundled one",
    )
    group.add_argument("--max-model-len", type=int, help="default: what the longest question needs")
    group.add_argument(
        "--replies",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="keep what was said in replies.jsonl.gz, for show",
    )
    group.add_argument(
        "--seed", type=int, default=0, help="runs of different seeds share no sample"
    )
