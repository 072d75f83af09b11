"""Where questions come from, and how they are put to the model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from trainer.sections.section import Section


class DataSection(Section):
    source: str = "arithmetic"
    """A JSONL, JSON, CSV, TSV or Parquet file; ``hub:NAME``: a Hugging Face dataset, by id or folder;
    ``gym``: generated ``tasks`` of reasoning-gym; ``arithmetic``: generated questions of ``levels``."""
    levels: tuple[int, ...] = (6,)
    """How hard generated questions are, from 1 to 7, in turn."""
    tasks: tuple[str, ...] = ()
    """Such as ``chain_sum`` or ``chain_sum?min_terms=3``, taken in turn."""
    subset: str = ""
    """Of a Hugging Face dataset."""
    split: str = "train"
    """And of it the split."""
    question: str = "auto"
    """The field with the question, a text or messages; dots lead into nested ones, as in
    ``prompt.0.content``. ``auto``: found by its name, see ``trainer.prompts.columns``."""
    answer: str = "auto"
    """The field with the right answer; ``auto`` as above."""
    answer_after: str = ""
    """What the answer follows in its field, such as ``####``. Empty: that mark, or a box, where all answers
    have it; else the field is the answer."""
    broken_rows: Literal["refuse", "skip"] = "refuse"
    """Rows without a question or an answer, or that cannot be read: end the run, or leave them out."""
    revisit: float = Field(default=1.0, gt=0, le=1)
    """The probability that a prompt is asked again whose survivors were all right or all wrong; to the
    power of how often in a row (GRESO, arXiv 2506.02177). 1: always. Prompts that seldom teach anything
    count less for it: what is trained is no longer the mean over all prompts."""
    revisit_floor: float = Field(default=0.1, gt=0, le=1)
    """The least probability, so that they come back when the policy has changed."""


class ChatSection(Section):
    """How questions are put to the model; see ``trainer.prompts.chat``."""

    system: str = ""
    """The system message of rows that have none of their own."""
    template: dict[str, Any] = Field(default={})
    """What the model's chat template takes, such as ``{enable_thinking = false}``."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings that end a reply; they are not part of it."""


PLAIN_CHAT = ChatSection()
