"""``arrol-train``: train a policy, draw a run's curves, export what the server takes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from arrol_serve.errors import ArrolError

STOPPED = 143
"""Exit status after SIGTERM, as of a process that it killed."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("arrol-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    policy = commands.add_parser(
        "policy", help="train a policy with pruned rollouts", allow_abbrev=False
    )
    policy.add_argument("recipe", type=Path, help="a TOML file; --section.key=value overrides it")
    policy.add_argument("--dry-run", action="store_true", help="print the resolved configuration")
    policy.add_argument(
        "--resume",
        choices=("none", "auto"),
        default="none",
        help="auto: go on from the newest checkpoint, if there is one",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    parser = build_parser()
    args, rest = parser.parse_known_args(argv)
    overrides = [word.removeprefix("--") for word in rest if _is_override(word)]
    if len(overrides) != len(rest) or (overrides and args.command != "policy"):
        unknown = next((word for word in rest if not _is_override(word)), rest[0])
        parser.error(f"unknown argument {unknown}; write overrides as --section.key=value")
    try:
        sys.exit(_policy(args, overrides))
    except ArrolError as error:
        sys.exit(f"arrol-train: {error}")


def _is_override(word: str) -> bool:
    return word.startswith("--") and "." in word.partition("=")[0] and "=" in word


def _policy(args: argparse.Namespace, overrides: list[str]) -> int:
    from trainer.config import dump_config, load_config

    config = load_config(args.recipe, overrides)
    if args.dry_run:
        print(dump_config(config), end="")
        return 0
    from trainer.loop import train

    if train(config, resume=args.resume == "auto"):
        return 0
    print(f"stopped and saved; go on with --resume auto --run.out={config.run.out}")
    return STOPPED


if __name__ == "__main__":
    main()
