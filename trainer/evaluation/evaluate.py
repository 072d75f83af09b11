"""One evaluation from its options to its report."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.bundled import MODEL_NAME
from trainer.evaluation.answer_option import parse_answer
from trainer.evaluation.backends import Backend, engine_backend
from trainer.evaluation.by_k import parse_k
from trainer.evaluation.datasets import Item, Source, load
from trainer.evaluation.grading import unusable
from trainer.evaluation.methods import METHODS
from trainer.evaluation.plots import draw
from trainer.evaluation.remote import Endpoint, remote_backend
from trainer.evaluation.report import summarise, write
from trainer.evaluation.report_text import markdown
from trainer.evaluation.runs import open_folder, sample_all, write_timing
from trainer.evaluation.sampling import UNPRUNED, Settings
from trainer.rows import DataError

CHUNK = 50
"""Questions, for an engine in this process."""
PROMPT_ROOM = 256
"""Tokens left for the prompt where the context's length is not given."""
SHOWN = 10
"""Unusable golds that are printed; the report has all."""
LEAST: Mapping[str, float] = {
    "samples": 1,
    "max_tokens": 1,
    "seed": 0,
    "probe": 1,
    "chunk": 1,
    "concurrency": 1,
    "limit": 1,
    "max_model_len": 2,
    "temperature": 0,
}


def evaluate(args: argparse.Namespace) -> None:
    """Sample what is missing, then report. Raises what ``cli.main`` prints."""
    check(args)
    args.chunk = args.chunk or (CHUNK if args.url is None else 4 * args.concurrency)
    ks, spec = parse_k(args.k, args.samples), parse_answer(args.answer)
    items = load(args.data.split(","), _source(args))
    backend = _backend(args)
    methods = chosen_methods(args.methods, backend.offers)
    settings = _settings(args, items, backend.through)
    open_folder(args.out, settings)
    arms = list(dict.fromkeys([UNPRUNED, *(METHODS[m].arm for m in methods)]))
    pool = AnswerPool(workers=1, timeout_s=args.answer_timeout)
    try:
        problems = unusable(pool, items, spec)
        _tell(problems)
        usable = [item for item in items if item.id not in problems]
        if not usable:
            raise DataError(f"no usable gold answer: {next(iter(problems.values()))}")
        kept = sample_all(
            backend.sampler, pool, usable, arms, args.out, chunk=args.chunk, spec=spec
        )
    finally:
        pool.close()
    report = summarise(settings, usable, kept, methods, problems, ks)
    write(report, args.out)
    draw(report, args.out)
    print(markdown(report))
    print(write_timing(args.out, arms))


def check(args: argparse.Namespace) -> None:
    """Raise ``DataError`` for options that no evaluation could have."""
    if args.data is None or args.out is None:
        raise DataError("an evaluation needs --data and --out; a comparison --compare RUN RUN")
    for name, least in LEAST.items():
        value = getattr(args, name)
        if value is not None and not (least <= value < math.inf):
            option = name.replace("_", "-")
            raise DataError(f"--{option} {value}: it must be a number from {least:g}")
    if not 0 < args.keep <= 1:
        raise DataError(f"--keep {args.keep}: it must be above 0 and at most 1")
    if not 0 < args.answer_timeout < math.inf:
        raise DataError(f"--answer-timeout {args.answer_timeout}: it must be above 0")
    if args.temperature == 0 and args.samples > 1:
        raise DataError("--temperature 0 gives the same reply every time: set --samples 1")
    if args.url is not None:
        _check_remote(args)
    elif args.model != MODEL_NAME and not (Path(args.model) / "config.json").is_file():
        raise DataError(
            f"--model {args.model} is not a folder with a Hugging Face checkpoint (no config.json)"
        )


def _check_remote(args: argparse.Namespace) -> None:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", args.url):
        raise DataError(
            f"--url {args.url}: it must be a server's, such as http://127.0.0.1:8000/v1"
        )
    for name in ("head", "max_model_len"):
        if getattr(args, name) is not None:
            raise DataError(f"--{name.replace('_', '-')} is the server's with --url: leave it out")


def chosen_methods(names: str | None, offers: frozenset[str]) -> list[str]:
    """Without a head its votes would be uniform votes under another name: refused."""
    if names is None:
        return [name for name, method in METHODS.items() if method.needs <= offers]
    methods = list(dict.fromkeys(names.split(",")))
    for name in methods:
        if name not in METHODS:
            raise DataError(f"there is no method {name!r}; known: {', '.join(METHODS)}")
        lacking = METHODS[name].needs - offers
        if lacking:
            raise DataError(f"the method {name!r} needs {' and '.join(sorted(lacking))}")
    return methods


def _backend(args: argparse.Namespace) -> Backend:
    settings = Settings(**{name: getattr(args, name) for name in Settings.__slots__})
    if args.url is None:
        length = args.max_model_len or args.max_tokens + PROMPT_ROOM
        return engine_backend(args.model, args.head, length, settings)
    key = os.environ.get(args.api_key_env)
    return remote_backend(Endpoint(args.url, args.model, key, args.concurrency), settings)


def _source(args: argparse.Namespace) -> Source:
    return Source(
        folder=args.data_dir,
        question_field=args.question_field,
        answer_field=args.answer_field,
        answer_after=args.answer_after,
        subset=args.subset,
        split=args.split,
        limit=args.limit,
    )


def _tell(problems: Mapping[str, str]) -> None:
    if problems:
        shown = [f"  {why}" for why in list(problems.values())[:SHOWN]]
        more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        head = f"{len(problems)} questions are left out, since their gold answer cannot be used:"
        print("\n".join([head, *shown, *more]), file=sys.stderr)


def _settings(args: argparse.Namespace, items: Sequence[Item], through: str) -> dict[str, Any]:
    """What must not change when a run goes on; no paths, so that runs elsewhere compare."""
    asked = ("samples", "temperature", "max_tokens", "seed", "probe", "keep", "chunk", "answer")
    texts = json.dumps([[i.id, i.sha256] for i in items])
    return {
        "model": args.model if args.url else Path(args.model).name,
        "through": through,
        "head": args.head.name if args.head else None,
        "data_sha256": hashlib.sha256(texts.encode()).hexdigest(),
        **{name: getattr(args, name) for name in asked},
    }
