"""``arrol-train``: train a policy, make a head, draw a run's curves, export what the server takes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from arrol_serve import __version__, home
from arrol_serve.ending import trace_crashes
from arrol_serve.errors import ArrolError
from trainer.head import command as head_command
from trainer.help import Help
from trainer.samples.show import add_show, show

EXTRA = ("httpx", "matplotlib", "peft", "tqdm")
"""What the extra ``train`` brings."""
STOPPED = 143
"""Exit status after SIGTERM, as of a process that it killed."""
INTERRUPTED = 130
"""And after SIGINT. What was kept is kept: the same command goes on."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("arrol-train", description=__doc__, formatter_class=Help)
    parser.add_argument("--version", action="version", version=f"arrol-train {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    policy = commands.add_parser(
        "policy",
        help="train a policy with pruned rollouts",
        allow_abbrev=False,
        formatter_class=Help,
        add_help=False,
    )
    policy.add_argument(
        *("-h", "--help"), action=_Settings, help="show this help and every setting, and exit"
    )
    policy.add_argument(
        "recipe",
        type=Path,
        nargs="?",
        help="a TOML file; --section.key=value overrides it, and says all where there is none",
    )
    policy.add_argument(
        "--dry-run",
        action="store_true",
        help="print the resolved configuration, and what data, model and reward function look like",
    )
    policy.add_argument(
        "--resume",
        choices=("none", "auto"),
        default="none",
        help="auto: go on from the newest checkpoint, if there is one",
    )
    head = commands.add_parser(
        "head", help="make a quality head for any model", allow_abbrev=False, formatter_class=Help
    )
    head_command.add_arguments(head)
    plot = commands.add_parser(
        "plot", help="draw a run's curves", allow_abbrev=False, formatter_class=Help
    )
    plot.add_argument("run", type=Path, help="the run's folder")
    shown = commands.add_parser(
        "show", help="look at what a run sampled", allow_abbrev=False, formatter_class=Help
    )
    add_show(shown, "step")
    _add_export(commands.add_parser)
    return parser


class _Settings(argparse.Action):
    """Prints the help with what the sections say of themselves, which takes a second to load."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from trainer.config import TrainConfig
        from trainer.sections.listed import listed

        print(f"{parser.format_help()}\n{listed(TrainConfig)}")
        parser.exit()


def _add_export(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    export = add_parser(
        "export",
        help="write a checkpoint and head for arrol-serve",
        allow_abbrev=False,
        formatter_class=Help,
    )
    export.add_argument("run", type=Path, help="the run's folder")
    export.add_argument("--to", type=Path, required=True, help="a new folder; needed, no default")
    export.add_argument(
        "--checkpoint",
        default="newest",
        metavar="WHICH",
        help="newest, best (by eval.keep_best), or the number of a step that is kept",
    )
    export.add_argument(
        "--push",
        metavar="OWNER/NAME",
        help="upload it to this repository of the Hugging Face hub too, a private one if it is new",
    )


def main(argv: Sequence[str] | None = None) -> None:
    trace_crashes()
    parser = build_parser()
    args, rest = parser.parse_known_args(joined(sys.argv[1:] if argv is None else argv))
    overrides = [word.removeprefix("--") for word in rest if _is_override(word)]
    if len(overrides) != len(rest) or (overrides and args.command != "policy"):
        unknown = next((word for word in rest if not _is_override(word)), rest[0])
        parser.error(f"unknown argument {unknown}; write overrides as --section.key=value")
    try:
        home.settle()
        if args.command == "policy":
            sys.exit(_policy(args, overrides))
        elif args.command == "head":
            print(head_command.run(args))
        elif args.command == "plot":
            from trainer.run.plot import plot_run

            print(plot_run(args.run))
        elif args.command == "show":
            from trainer.run.rollouts import kept_rollouts

            show(kept_rollouts(args.run), args, "step")
        else:
            _export(args)
    except (ArrolError, OSError) as error:
        sys.exit(f"arrol-train{_whoami()}: {error}")
    except KeyboardInterrupt:
        print(f"arrol-train{_whoami()}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.exit(f"arrol-train: {error.name} is missing: pip install 'arrol-serve[train]'")


def _export(args: argparse.Namespace) -> None:
    from trainer.export import export, is_float32
    from trainer.run.folder import RunFolder
    from trainer.run.hub import check, push

    if args.push:
        check(args.push)
    print(export(RunFolder(args.run), args.to, args.checkpoint))
    exact = " --dtype float32" if is_float32(args.to) else ""
    print(
        f"Next: arrol-serve {args.to}{exact}; arrol-eval --model {args.to} --data ... --out ...",
        file=sys.stderr,
    )
    if args.push:
        print(f"Pushed: {push(args.to, args.push)}", file=sys.stderr)


def _say_next(run: str) -> None:
    print(
        f"Made: {run} with checkpoints, metrics.jsonl and rollouts. Next: arrol-train plot {run}; "
        f"arrol-train show {run}; arrol-train export {run} --to FOLDER, for arrol-serve and arrol-eval.",
        file=sys.stderr,
    )


def _whoami() -> str:
    """Which of torchrun's ranks speaks. Each does: torchrun ends the others when one has ended."""
    return f" (rank {os.environ['RANK']})" if os.environ.get("WORLD_SIZE", "1") != "1" else ""


def joined(words: Sequence[str]) -> list[str]:
    """``--section.key VALUE`` as ``--section.key=VALUE``: else VALUE would be taken for the recipe."""
    found: list[str] = []
    waits = False
    for word in words:
        if waits and not word.startswith("--"):
            found[-1] += f"={word}"
            waits = False
            continue
        found.append(word)
        waits = bool(re.fullmatch(r"--\w+(\.\w+)+", word))
    return found


def _is_override(word: str) -> bool:
    return word.startswith("--") and "." in word.partition("=")[0] and "=" in word


def _policy(args: argparse.Namespace, overrides: list[str]) -> int:
    from trainer.config import dump_config, load_config

    first = os.environ.get("RANK", "0") == "0"
    config = load_config(args.recipe, overrides)
    if args.dry_run:
        if first:
            from trainer.dry_run import look

            print(dump_config(config), end="", flush=True)
            print("\n".join(look(config)), file=sys.stderr)
        return 0
    # Each sync would warn of what tied and weightless layers did not load; the probe looks for real.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from trainer.loop import train

    if train(config, resume=args.resume == "auto"):
        if first:
            _say_next(config.run.out)
        return 0
    if first:
        print(f"stopped and saved; go on with --resume auto --run.out={config.run.out}")
    return STOPPED


if __name__ == "__main__":
    main()
