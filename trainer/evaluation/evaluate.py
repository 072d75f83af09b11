"""One evaluation from its options to its report."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from trainer.errors import DataError
from trainer.evaluation.answer_option import parse_answer
from trainer.evaluation.backends import Backend, engine_backend
from trainer.evaluation.datasets import Item, Source, load
from trainer.evaluation.grading import unusable
from trainer.evaluation.options import EvalOptions
from trainer.evaluation.over_http.endpoint import Endpoint
from trainer.evaluation.over_http.remote import remote_backend
from trainer.evaluation.reporting.by_k import parse_k
from trainer.evaluation.reporting.methods import METHODS
from trainer.evaluation.reporting.plots import draw
from trainer.evaluation.reporting.report import summarise, write
from trainer.evaluation.reporting.text import cut_off, markdown
from trainer.evaluation.runs import open_folder, sample_all, write_timing
from trainer.evaluation.sampling import UNPRUNED

SHOWN = 10
"""Unusable golds that are printed; the report has all."""


def evaluate(asked: EvalOptions) -> None:
    """Sample what is missing, then report. Raises what ``cli.main`` prints."""
    ks, spec = parse_k(asked.k, asked.samples), parse_answer(asked.answer)
    items = load(asked.data.split(","), source_of(asked))
    backend = _backend(asked, items, spec)
    methods = chosen_methods(asked.methods, backend.offers)
    settings = run_settings(asked, items, backend.through)
    open_folder(asked.out, settings)
    arms = list(dict.fromkeys([UNPRUNED, *(METHODS[m].arm for m in methods)]))
    pool = AnswerPool(workers=1, timeout_s=asked.answer_timeout)
    try:
        problems = unusable(pool, items, spec)
        tell_unusable(problems)
        usable = [item for item in items if item.id not in problems]
        if not usable:
            raise DataError(f"no usable gold answer: {next(iter(problems.values()))}")
        kept = sample_all(
            backend.sampler, pool, usable, arms, asked.out,
            chunk=asked.chunk, spec=spec, keep_replies=asked.replies,
        )  # fmt: skip
    finally:
        pool.close()
    report = summarise(settings, usable, kept, methods, problems, ks, backend.notes)
    write(report, asked.out)
    draw(report, asked.out)
    print(markdown(report))
    print(write_timing(asked.out, arms))
    shown = f" arrol-eval show {asked.out} shows the replies;" if asked.replies else ""
    print(
        f"Made: {asked.out / 'report.md'}, report.json and pictures.{shown} arrol-eval --compare {asked.out} "
        "OTHER sets it beside another run."
    )
    if (warning := cut_off(report)) is not None:
        print(f"arrol-eval: {warning}", file=sys.stderr)


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


def _backend(asked: EvalOptions, items: Sequence[Item], spec: AnswerSpec) -> Backend:
    settings = asked.settings
    if asked.url is None:
        return engine_backend(asked.model, asked.head, asked.max_model_len, items, settings)
    key = os.environ.get(asked.api_key_env)
    endpoint = Endpoint(asked.url, asked.model, key, asked.concurrency)
    return remote_backend(endpoint, settings, spec)


def source_of(asked: EvalOptions) -> Source:
    columns = ("question_field", "answer_field", "answer_after", "subset", "split")
    return Source(
        folder=asked.data_dir, limit=asked.limit, **{name: getattr(asked, name) for name in columns}
    )


def tell_unusable(problems: Mapping[str, str]) -> None:
    if problems:
        shown = [f"  {why}" for why in list(problems.values())[:SHOWN]]
        more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        head = f"left out, since their gold answer cannot be used: {len(problems)}"
        print("\n".join([head, *shown, *more]), file=sys.stderr)


def _json(settings: dict[str, Any]) -> dict[str, Any]:
    """As it will be read again, the chat's keys among the others."""
    chat = settings.pop("chat").model_dump(mode="json")
    return {**settings, **chat}


def run_settings(asked: EvalOptions, items: Sequence[Item], through: str) -> dict[str, Any]:
    """What must not change when a run goes on; no paths, so that runs elsewhere compare."""
    texts = json.dumps([[i.id, i.sha256] for i in items])
    return {
        "model": asked.model if asked.url else Path(asked.model).name,
        "through": through,
        "head": asked.head.name if asked.head else None,
        "data_sha256": hashlib.sha256(texts.encode()).hexdigest(),
        **_json(asdict(asked.settings)),
        "chunk": asked.chunk,
        "answer": asked.answer,
    }
