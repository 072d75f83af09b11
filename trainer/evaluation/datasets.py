"""Questions with gold answers: by name, from a file, from a hub, or generated."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trainer.errors import ConfigError, DataError
from trainer.prompts.arithmetic import EVALUATION_SEED, held_out_questions
from trainer.prompts.chat import Turns
from trainer.prompts.columns import AUTO
from trainer.prompts.gym import Gym
from trainer.prompts.prompt import Prompt
from trainer.prompts.rows import HUB, is_rows, name_of
from trainer.prompts.rows import KINDS as ROWS
from trainer.prompts.table import OPTIONS, complaint, read_table
from trainer.prompts.words import columns_of
from trainer.sections import DataSection

FILES = {
    "gsm8k": "gsm8k_test_first900",
    "math500": "math500",
    "amc23": "amc23",
    "aime24": "aime24",
    "aime25": "aime25",
    "minerva": "minerva_math",
    "olympiadbench": "olympiadbench_math",
    "dapo17k": "dapo_math_17k_en_decontam",
}
"""Set -> the file that it may be in, beside one of its own name."""
KINDS = f"{', '.join(FILES)}, arithmetic:LEVEL, gym:TASK, {ROWS}"
GENERATED, MOST_GENERATED = 100, 5_000
"""Generated questions without a limit, and with one: small tasks have no more."""
DRAWS = 20
"""Tries for each new question of a reasoning-gym task, which may repeat itself."""


@dataclass(frozen=True, slots=True)
class Item:
    """``id`` is unique within one evaluation; it starts with the data set's name and a slash."""

    id: str
    question: str
    gold: str
    where: str = field(default="", compare=False)
    """File and line, for messages."""
    before: Turns = ()
    """What was said before the question."""
    key: str | None = None
    """By which reasoning-gym scores an answer to one of its questions."""

    @property
    def sha256(self) -> str:
        """Tells apart questions that two files have under one id."""
        whole = [self.question, self.gold, *([self.before] if self.before else [])]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """Where names are looked up and which fields hold what; see ``sections.DataSection``."""

    folder: Path | None = None
    question_field: str = AUTO
    answer_field: str = AUTO
    answer_after: str = ""
    subset: str = ""
    split: str = "test"
    limit: int | None = None

    def section(self, place: str) -> DataSection:
        """For what is at ``place``."""
        return columns_of(asdict(self), place)


def load(names: Iterable[str], source: Source) -> list[Item]:
    """All items of all data sets, in order. Raises ``DataError``."""
    items: dict[str, Item] = {}
    for name in names:
        for item in load_one(name, source):
            if item.id in items:
                raise DataError(
                    f"two questions have the id {item.id!r}; name each data set once, and files "
                    "by different names"
                )
            items[item.id] = item
    return list(items.values())


def set_of(item_id: str) -> str:
    """The data set's name."""
    return item_id.rpartition("/")[0]


def load_one(name: str, source: Source) -> list[Item]:
    """The items of one data set, in the order of the source. Raises like ``load``."""
    kind, _, rest = name.partition(":")
    if kind in ("arithmetic", "gym"):
        count = GENERATED if source.limit is None else source.limit
        if count > MOST_GENERATED:
            raise DataError(f"{name}: at most {MOST_GENERATED} generated questions, not {count}")
        return _arithmetic(name, rest, count) if kind == "arithmetic" else _gym(name, rest, count)
    if name in FILES:
        return _listed(name, str(_known(name, source)), source)
    if not is_rows(name):
        raise DataError(f"there is no data set {name!r}; known: {KINDS}")
    label = name if name.startswith(HUB) else name_of(name)
    return _listed(label, name, source)


def _listed(label: str, place: str, source: Source) -> list[Item]:
    table = read_table(source.section(place), source.limit)
    if table.broken:
        raise DataError(complaint(table.broken, OPTIONS))
    print(table.note, file=sys.stderr)
    return [
        Item(
            f"{label}/{where.rsplit(' ', 1)[-1]}",
            asked.question.strip(),
            str(asked.gold).strip(),
            where,
            asked.before,
        )
        for where, asked in table.rows
    ]


def _known(name: str, source: Source) -> Path:
    folder = source.folder or Path(os.environ.get("ARROL_DATA", ""))
    if folder == Path():
        raise DataError(
            f"{name}: its licence does not let it ship here; give --data-dir or ARROL_DATA, "
            f"a folder that holds {name}.jsonl, or take it from a hub as hub:NAME"
        )
    paths = [folder / f"{stem}.jsonl" for stem in (name, FILES[name])]
    return next((path for path in paths if path.is_file()), paths[0])


def _arithmetic(name: str, level: str, count: int) -> list[Item]:
    if level not in tuple("1234567"):
        raise DataError(f"{name}: the level must be 1 to 7, as in arithmetic:6")
    pairs = held_out_questions(EVALUATION_SEED, count, int(level))
    return [Item(f"{name}/{i}", question, gold) for i, (question, gold) in enumerate(pairs)]


def _gym(name: str, task: str, count: int) -> list[Item]:
    try:
        gym = Gym((task,), EVALUATION_SEED)
    except ConfigError as error:
        raise DataError(f"{name}: {error}") from error
    found: dict[str, Prompt] = {}
    for number in range(count * DRAWS):
        prompt = gym.prompt(number)
        found.setdefault(prompt.question, prompt)
        if len(found) == count:
            break
    else:
        raise DataError(f"{name} has only {len(found)} different questions; lower --limit {count}")
    return [
        Item(f"{name}/{i}", p.question, p.gold, f"{name} question {i}", key=p.key)
        for i, p in enumerate(found.values())
    ]
