"""``arrol-train head``: a quality head for any model, from questions with known answers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from arrol_serve import bundled
from trainer.errors import ConfigError
from trainer.head.job import HeadJob, Labels, Question
from trainer.out_folder import check_writable
from trainer.prompts.chat import add_chat, messages, read_chat
from trainer.prompts.rows import KINDS
from trainer.prompts.sources import open_source
from trainer.prompts.table import read_table
from trainer.prompts.words import add_columns, add_filters, check_filters, columns_of
from trainer.sections import ChatSection

if TYPE_CHECKING:
    from trainer.engines.base import RecordingSampler

POSITIONS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="bundled",
        help="a folder with a Hugging Face checkpoint; bundled: the model that ships",
    )
    parser.add_argument(
        "--data", default="arithmetic", help=f"arithmetic, or questions and answers: {KINDS}"
    )
    add_columns(parser, split="train")
    parser.add_argument(
        "--levels", type=int, nargs="+", default=[5, 6], metavar="N", help="of arithmetic, 1 to 7"
    )
    parser.add_argument(
        "--labels",
        choices=get_args(Labels),
        default="gold",
        help="what is right: the gold, or what a confident majority of a question's rollouts says, for "
        "questions without answers",
    )
    parser.add_argument("--questions", type=int, default=500, help="how many, of the data's")
    parser.add_argument("--samples", type=int, default=16, help="rollouts a question")
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="to sample at; rollouts must differ"
    )
    add_filters(parser)
    add_chat(parser)
    parser.add_argument("--max-tokens", type=int, default=256, help="of a rollout")
    parser.add_argument("--max-model-len", type=int, help="default: what the questions need")
    parser.add_argument("--dtype", default="auto", help="vLLM's; float32 for the bundled model")
    parser.add_argument(
        "--positions",
        type=int,
        nargs="+",
        help="token counts to judge the head at, in rising order; default: powers of two from 32 on",
    )
    parser.add_argument("--probe", type=int, help="default: the position near 30 %% of the length")
    parser.add_argument("--seed", type=int, default=0, help="of samples, split and fit")
    parser.add_argument(
        "--url",
        help="sample from a running server of --model instead: the admin port of arrol-serve "
        "(its key in ARROL_ADMIN_KEY)",
    )
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="let transformers compute hidden states from the kept rollouts; --url may then be any "
        "vLLM server (its key in OPENAI_API_KEY)",
    )
    parser.add_argument(
        "--layers",
        type=int,
        nargs="+",
        default=[],
        help="other layers to compare with the last one, computed again from the kept rollouts; for "
        "the report, served heads read the last",
    )
    parser.add_argument("--out", type=Path, help="default: heads/<model's name>")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the head that --out holds; default: refuse",
    )
    parser.add_argument(
        "--judge",
        type=Path,
        metavar="HEAD",
        help="make no head: say in the card of this one what it is worth on the questions, such as those of "
        "another task",
    )
    parser.add_argument("--work", type=Path, help="sampled shards, kept; default: runs/head-<name>")


def run(args: argparse.Namespace) -> Path:
    """Make the head; its folder. Raises ``ConfigError`` for what cannot work."""
    if args.max_tokens < 2 or args.seed < 0:
        raise ConfigError("--max-tokens must be at least 2, --seed at least 0.")
    positions = _positions(args)
    if args.questions < 1 or args.samples < 2:
        raise ConfigError("A head needs --questions and at least 2 --samples.")
    if not 0 < args.temperature <= 2:
        raise ConfigError("--temperature must be above 0 and at most 2: rollouts must differ.")
    if args.labels == "majority" and args.layers:
        raise ConfigError("--layers compares by golds: leave it out with --labels majority.")
    check_filters(vars(args))
    chat = read_chat(vars(args))
    if chat.stop and args.url and not args.recompute:
        raise ConfigError(
            "--stop: a server has gone on when a stop string is found, so that it cannot record the last "
            "token. Add --recompute, with --url of its public port."
        )
    questions = _questions(args)
    is_bundled = args.model == "bundled"
    if not is_bundled and not (Path(args.model) / "config.json").exists():
        raise ConfigError(
            f"--model {args.model} is not a folder with a Hugging Face checkpoint (no config.json). "
            "Download the model first: hf download NAME --local-dir FOLDER."
        )
    model = bundled.MODEL if is_bundled else Path(args.model)
    from arrol_serve.quality.artifact import slug  # brings torch, which --help needs not

    name = bundled.MODEL_NAME if is_bundled else model.name
    out = args.judge or args.out or Path("heads") / slug(name)
    work = args.work or Path("runs") / f"{'judge' if args.judge else 'head'}-{slug(name)}"
    _check_places(args, out, work)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    job = HeadJob(
        model=model,
        name=name,
        questions=questions,
        positions=positions,
        work=work,
        out=out,
        samples=args.samples,
        max_tokens=args.max_tokens,
        probe=args.probe,
        seed=args.seed,
        recompute=args.recompute,
        layers=tuple(args.layers),
        chat=chat,
        top_p=args.top_p,
        top_k=args.top_k,
        labels=args.labels,
    )
    source = "arithmetic of levels " + " ".join(map(str, args.levels))
    shown = source if args.data == "arithmetic" else Path(args.data).name
    data = f"{shown} at temperature {args.temperature:g}"
    opened = partial(_open_sampler, args, model, questions, chat)
    return _judge(job, data, opened) if args.judge else _make(job, data, opened)


def _check_places(args: argparse.Namespace, out: Path, work: Path) -> None:
    if args.judge and (args.out or args.layers or args.labels != "gold"):
        raise ConfigError("--judge makes no head: leave out --out, --layers and --labels.")
    if args.judge and not (out / "head.json").is_file():
        raise ConfigError(f"--judge {out} is not a folder with a quality head (no head.json).")
    check_writable(out, "--judge" if args.judge else "--out")
    if (out / "head.json").exists() and not (args.overwrite or args.judge):
        raise ConfigError(
            f"--out {out} holds a head already: name another folder, or replace it with --overwrite."
        )
    check_writable(work, "--work")


def _judge(job: HeadJob, data: str, opened: Callable[[], RecordingSampler]) -> Path:
    from trainer.head.made.elsewhere import judge

    print(f"Made: the last part of {judge(job, data, opened)}.", file=sys.stderr)
    return job.out


def _make(job: HeadJob, data: str, opened: Callable[[], RecordingSampler]) -> Path:
    from trainer.head.make import make_head

    model, out = job.model, job.out
    make_head(job, {"data": data}, opened)
    print(
        f"Made: a head in {out}; {out / 'README.md'} says how good it is. Next: arrol-serve {model} --head "
        f"{out}; arrol-eval --model {model} --head {out} --data ... --out ..., on other questions.",
        file=sys.stderr,
    )
    return out


def _open_sampler(
    args: argparse.Namespace, model: Path, questions: Sequence[Question], chat: ChatSection
) -> RecordingSampler:
    from trainer.engines.local import LocalEngine
    from trainer.engines.sized import build_sized_engine
    from trainer.head.clients import AdminClient, PlainClient

    if args.url and args.recompute:
        return PlainClient(args.url, model, chat.template)
    if args.url:
        return AdminClient(args.url, model, chat.template)
    llm = build_sized_engine(
        model,
        None,
        {f"the question {q.text[:80]!r}": messages(chat, q.text, q.before) for q in questions},
        args.max_tokens,
        args.max_model_len,
        template=chat.template,
        dtype="float32" if args.model == "bundled" else args.dtype,
    )
    return LocalEngine(llm)


def _positions(args: argparse.Namespace) -> tuple[int, ...]:
    asked = tuple(args.positions or (p for p in POSITIONS if p < args.max_tokens))
    if not asked or list(asked) != sorted(set(asked)) or asked[0] < 1:
        raise ConfigError("--positions must be one or more token counts in rising order.")
    if asked[-1] >= args.max_tokens:
        raise ConfigError("--positions must be below --max-tokens: nothing lives longer.")
    if args.probe is not None and args.probe not in asked:
        raise ConfigError(f"--probe {args.probe} is not among the positions {list(asked)}.")
    return asked


def _questions(args: argparse.Namespace) -> list[Question]:
    if args.labels == "majority" and args.data != "arithmetic":
        return _asked_alone(args)
    # Broken rows are named, as golds that cannot be parsed.
    more = {"levels": tuple(args.levels), "broken_rows": "skip"}
    section = columns_of(vars(args), args.data).model_copy(update=more)
    source = open_source(section, args.seed)
    found: dict[str, Question] = {}
    for number in range(args.questions):
        prompt = source.prompt(number)
        question = Question(prompt.question, prompt.gold, args.temperature, prompt.before)
        found.setdefault(prompt.question, question)  # a second epoch asks nothing new
    return list(found.values())


def _asked_alone(args: argparse.Namespace) -> list[Question]:
    """The first ``--questions`` rows that hold a question; golds where they are. Raises ``ConfigError``."""
    table = read_table(columns_of(vars(args), args.data), gold=False)
    for problem in table.broken:
        print(f"left out: {problem}", file=sys.stderr)
    found: dict[str, Question] = {}
    for _, asked in table.rows:
        question = Question(asked.question, asked.gold, args.temperature, asked.before)
        found.setdefault(asked.question, question)
        if len(found) == args.questions:
            break
    return list(found.values())
