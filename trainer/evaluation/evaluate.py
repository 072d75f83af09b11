"""One evaluation from its options to its report."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from trainer.evaluation.answer_option import parse_answer
from trainer.evaluation.backends import Backend, engine_backend
from trainer.evaluation.by_k import parse_k
from trainer.evaluation.datasets import Item, Source, load
from trainer.evaluation.endpoint import Endpoint
from trainer.evaluation.grading import unusable
from trainer.evaluation.methods import METHODS
from trainer.evaluation.options import check, fill
from trainer.evaluation.plots import draw
from trainer.evaluation.remote import remote_backend
from trainer.evaluation.report import summarise, write
from trainer.evaluation.report_text import markdown
from trainer.evaluation.runs import open_folder, sample_all, write_timing
from trainer.evaluation.sampling import UNPRUNED, Settings
from trainer.prompts.rows import DataError

SHOWN = 10
"""Unusable golds that are printed; the report has all."""


def evaluate(args: argparse.Namespace) -> None:
    """Sample what is missing, then report. Raises what ``cli.main`` prints."""
    check(args)
    fill(args)
    ks, spec = parse_k(args.k, args.samples), parse_answer(args.answer)
    items = load(args.data.split(","), _source(args))
    backend = _backend(args, items)
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
            raise DataError(
                f"the method {name!r} needs {' and '.join(sorted(lacking))}; take it out of --methods"
            )
    return methods


def _backend(args: argparse.Namespace, items: Sequence[Item]) -> Backend:
    settings = Settings(**{name: getattr(args, name) for name in Settings.__slots__})
    if args.url is None:
        return engine_backend(args.model, args.head, args.max_model_len, items, settings)
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
        head = f"left out, since their gold answer cannot be used: {len(problems)}"
        print("\n".join([head, *shown, *more]), file=sys.stderr)


def _settings(args: argparse.Namespace, items: Sequence[Item], through: str) -> dict[str, Any]:
    """What must not change when a run goes on; no paths, so that runs elsewhere compare."""
    asked = (*Settings.__slots__, "chunk", "answer")
    texts = json.dumps([[i.id, i.sha256] for i in items])
    return {
        "model": args.model if args.url else Path(args.model).name,
        "through": through,
        "head": args.head.name if args.head else None,
        "data_sha256": hashlib.sha256(texts.encode()).hexdigest(),
        **{name: getattr(args, name) for name in asked},
    }
