"""``arrol-eval``: accuracy against tokens of a model on the user's questions."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.bundled import HEADS, MODEL, MODEL_NAME
from arrol_serve.errors import ArrolError
from trainer.evaluation.by_k import parse_k
from trainer.evaluation.compare import compare, read_report, table
from trainer.evaluation.datasets import DataError, Item, Source, load
from trainer.evaluation.grading import unusable
from trainer.evaluation.methods import METHODS
from trainer.evaluation.plots import draw, draw_comparison
from trainer.evaluation.records import RecordError
from trainer.evaluation.report import markdown, summarise, write
from trainer.evaluation.runs import Sampler, SettingsChanged, open_folder, sample_all
from trainer.evaluation.sampling import UNPRUNED, Settings, sample


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="arrol-eval", description=__doc__)
    p.add_argument("--model", default=MODEL_NAME, help="folder of the model; default: the bundled")
    p.add_argument("--head", type=Path, help="folder of its quality head")
    p.add_argument("--data", help="names, .jsonl or .csv files, arithmetic:LEVEL; commas")
    p.add_argument("--data-dir", type=Path, help="folder of the named sets; or ARROL_DATA")
    p.add_argument("--question-field", default="question")
    p.add_argument("--answer-field", default="answer")
    p.add_argument("--limit", type=int, help="questions of each data set")
    p.add_argument("--methods", help="commas; default: all that the model allows")
    p.add_argument("--samples", type=int, default=16)
    p.add_argument("--k", help="commas; pass@k, maj@k, weighted@k; default: powers of two")
    p.add_argument("--temperature", type=float, default=1.0)
    p.add_argument("--max-tokens", type=int, default=256)
    p.add_argument("--max-model-len", type=int, default=512)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--probe", type=int, default=32, help="tokens at which the pruned arms look")
    p.add_argument("--keep", type=float, default=0.5, help="share that the pruned arms keep")
    p.add_argument("--chunk", type=int, default=50, help="questions sampled before they are kept")
    p.add_argument("--answer-timeout", type=float, default=5.0, help="seconds for one answer")
    p.add_argument("--out", type=Path, help="folder of the run; goes on if it exists")
    p.add_argument(
        "--compare",
        type=Path,
        nargs=2,
        metavar="RUN",
        help="folders of two finished runs: sample nothing, compare them; --out keeps the result",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        if args.compare:
            compare_runs(args.compare[0], args.compare[1], args.out)
        elif args.data is None or args.out is None:
            raise DataError("an evaluation needs --data and --out; a comparison --compare RUN RUN")
        else:
            evaluate(args)
    except (DataError, RecordError, SettingsChanged, ArrolError) as error:
        print(f"arrol-eval: {error}", file=sys.stderr)
        return 2
    return 0


def evaluate(args: argparse.Namespace) -> None:
    """Sample what is missing, then report. Raises what ``main`` prints."""
    methods = chosen_methods(args.methods, args.head is not None or args.model == MODEL_NAME)
    ks = parse_k(args.k, args.samples)
    source = Source(args.data_dir, args.question_field, args.answer_field, args.limit)
    items = load(args.data.split(","), source)
    settings = _settings(args, items)
    open_folder(args.out, settings)
    arms = list(dict.fromkeys([UNPRUNED, *(METHODS[m].arm for m in methods)]))
    pool, spec = AnswerPool(workers=1, timeout_s=args.answer_timeout), AnswerSpec()
    try:
        problems = unusable(pool, items, spec)
        usable = [item for item in items if item.id not in problems]
        if not usable:
            raise DataError(f"no usable gold answer: {next(iter(problems.values()))}")
        kept = sample_all(
            _engine_sampler(args), pool, usable, arms, args.out, chunk=args.chunk, spec=spec
        )
    finally:
        pool.close()
    report = summarise(settings, usable, kept, methods, problems, ks)
    write(report, args.out)
    draw(report, args.out)
    print(markdown(report))


def compare_runs(first: Path, second: Path, out: Path | None) -> None:
    """Print the comparison; with ``out``, keep it there as JSON, Markdown and a plot."""
    found = compare(read_report(first), read_report(second))
    text = table(found, (first.name, second.name))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "compare.json").write_text(json.dumps(found, indent=1) + "\n")
        (out / "compare.md").write_text(text)
        draw_comparison(found, out)
    print(text)


def chosen_methods(names: str | None, head: bool) -> list[str]:
    """Without a head its votes would be uniform votes under another name: refused."""
    if names is None:
        return [name for name, method in METHODS.items() if head or not method.needs_head]
    methods = names.split(",")
    for name in methods:
        if name not in METHODS:
            raise DataError(f"there is no method {name!r}; known: {', '.join(METHODS)}")
        if METHODS[name].needs_head and not head:
            raise DataError(f"the method {name!r} needs a quality head; give --head")
    return methods


def _settings(args: argparse.Namespace, items: Sequence[Item]) -> dict[str, Any]:
    """What must not change when a run goes on; no paths, so that runs elsewhere compare."""
    asked = ("samples", "temperature", "max_tokens", "seed", "probe", "keep", "chunk")
    texts = json.dumps([[i.id, i.sha256] for i in items])
    return {
        "model": Path(args.model).name,
        "head": args.head.name if args.head else None,
        "data_sha256": hashlib.sha256(texts.encode()).hexdigest(),
        **{name: getattr(args, name) for name in asked},
    }


def _engine_sampler(args: argparse.Namespace) -> Sampler:
    """Builds the engine at the first chunk that is missing: a finished run needs none."""
    engine: list[Any] = []
    values = {name: getattr(args, name) for name in Settings.__slots__}

    def sampler(arm: str, items: Sequence[Item], start: int) -> Any:
        if not engine:
            from trainer.rollouts import build_engine

            bundled = args.model == MODEL_NAME
            model = MODEL if bundled else Path(args.model)
            head = args.head or (HEADS / MODEL_NAME if bundled else None)
            engine.append(build_engine(model, head, max_model_len=args.max_model_len))
        return sample(engine[0], arm, items, start, Settings(**values))

    return sampler


if __name__ == "__main__":
    raise SystemExit(main())
