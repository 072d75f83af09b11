"""Options that say which questions, and how they are asked: ``arrol-eval``, ``tune`` and ``arrol-train
head`` have them in common; a recipe has the same as ``[data]`` and ``[chat]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from trainer.errors import ConfigError
from trainer.prompts.columns import AUTO
from trainer.sections import DataSection


def add_columns(group: argparse._ActionsContainer, split: str) -> None:
    """Where question and answer stand; ``split``: the default of datasets."""
    group.add_argument(
        "--question-field",
        default=AUTO,
        metavar="NAME",
        help="field with the question, a text or messages; dots lead into nested fields; auto: found by its "
        "name and said",
    )
    group.add_argument(
        "--answer-field",
        default=AUTO,
        metavar="NAME",
        help="field with the right answer; auto as above",
    )
    group.add_argument(
        "--answer-after",
        default="",
        metavar="MARK",
        help="what answers follow in their field; empty: ####, or a box, where all have it",
    )
    group.add_argument("--subset", default="", metavar="NAME", help="of a dataset on a hub")
    group.add_argument("--split", default=split, metavar="NAME", help="of a dataset on a hub")


def columns_of(given: Mapping[str, Any], source: str) -> DataSection:
    """``source`` by the options of ``add_columns``."""
    return DataSection(
        source=source,
        question=given["question_field"],
        answer=given["answer_field"],
        answer_after=given["answer_after"],
        subset=given["subset"],
        split=given["split"],
    )


def add_filters(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--top-p",
        type=float,
        default=1.0,
        metavar="P",
        help="1: off, whatever the model's file says",
    )
    group.add_argument(
        "--top-k", type=int, default=0, metavar="K", help="0: off, whatever the model's file says"
    )


def check_filters(given: Mapping[str, Any]) -> None:
    """Raises ``ConfigError``."""
    if not 0 < given["top_p"] <= 1:
        raise ConfigError(f"--top-p {given['top_p']}: it must be above 0 and at most 1")
    if given["top_k"] < 0:
        raise ConfigError(f"--top-k {given['top_k']}: it must be a number from 0")
