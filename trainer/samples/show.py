"""``show RUN`` of both commands: one group in the terminal, all of them as a page."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.errors import ConfigError
from trainer.samples.kept import ShownGroup
from trainer.samples.page import write_page
from trainer.samples.terminal import side_by_side

PAGE = "samples.html"


def add_show(parser: argparse.ArgumentParser, part: str) -> None:
    """``part``: what a run's samples are parted by."""
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--part", metavar=part.upper(), help=f"of this {part} only; default: all")
    parser.add_argument(
        "--group",
        metavar="NAME",
        help="which to print; default: the first with right and wrong replies",
    )
    parser.add_argument("--find", metavar="TEXT", default="", help="in questions and replies")
    parser.add_argument("--lines", type=int, default=12, help="of each reply; 0: all")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help=f"where the page goes; default: RUN/{PAGE}"
    )


def show(groups: Sequence[ShownGroup], args: argparse.Namespace, part: str) -> None:
    """Print, and write the page. Raises ``ConfigError`` where nothing matches."""
    chosen = [group for group in groups if args.part in (None, group.part)]
    if not chosen:
        parts = ", ".join(dict.fromkeys(group.part for group in groups))
        raise ConfigError(f"--part {args.part}: no {part} of that name; there are {parts}")
    words = args.find.lower()
    chosen = [group for group in chosen if words in _text(group)]
    if not chosen:
        raise ConfigError(f"--find {args.find}: nothing in {len(groups)} groups matches")
    print(side_by_side(_one(chosen, args.group), _width(), max(0, args.lines), colour=_colour()))
    page = args.html or args.run / PAGE
    write_page(chosen, args.run.resolve().name, page)
    print(f"{len(chosen)} groups with search and filters: {page}. Another one here: --group NAME.")


def _one(groups: Sequence[ShownGroup], name: str | None) -> ShownGroup:
    if name is None:
        return next((group for group in groups if group.mixed), groups[0])
    found = next((group for group in groups if group.name == name), None)
    if found is None:
        some = ", ".join(group.name for group in groups[:5])
        raise ConfigError(f"--group {name}: there is none of that name; names are like {some}")
    return found


def _text(group: ShownGroup) -> str:
    return "\n".join([group.name, group.question, *(r.text for r in group.replies)]).lower()


def _width() -> int:
    return max(40, shutil.get_terminal_size((120, 40)).columns)


def _colour() -> bool:
    return sys.stdout.isatty()
