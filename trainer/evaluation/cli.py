"""``arrol-eval``: accuracy against tokens of a model on the user's questions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from arrol_serve import home
from arrol_serve.bundled import MODEL_NAME
from arrol_serve.errors import ArrolError
from trainer.evaluation.answer_option import FORMS
from trainer.evaluation.compare import compare, read_report, table
from trainer.evaluation.datasets import KINDS
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.methods import METHODS
from trainer.evaluation.options import read_options
from trainer.evaluation.plots import draw_comparison


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="arrol-eval", description=__doc__)
    p.add_argument(
        "--model", default=MODEL_NAME, help="folder of the model, or its name with --url"
    )
    p.add_argument("--head", type=Path, help="folder of its quality head")
    p.add_argument("--out", type=Path, help="folder of the run; goes on if it exists")
    p.add_argument(
        "--methods", help=f"commas, of {', '.join(METHODS)}; default: all that can be had"
    )
    p.add_argument("--k", help="commas; pass@k, maj@k, weighted@k; default: powers of two")
    p.add_argument(
        "--compare",
        type=Path,
        nargs=2,
        metavar="RUN",
        help="folders of two finished runs: sample nothing, compare them; --out keeps the result",
    )
    _data_options(p.add_argument_group("data"))
    _sampling_options(p.add_argument_group("sampling"))
    _server_options(p.add_argument_group("a running server instead of an engine in this process"))
    return p


def _data_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data", help=f"one or more, split by commas: {KINDS}")
    group.add_argument("--data-dir", type=Path, help="folder of the named sets; or ARROL_DATA")
    group.add_argument("--question-field", default="question", help="dots lead into nested fields")
    group.add_argument("--answer-field", default="answer")
    group.add_argument("--answer-after", default="", help="what the answer follows, such as ####")
    group.add_argument("--subset", default="", help="of a dataset on a hub")
    group.add_argument("--split", default="test", help="of a dataset on a hub")
    group.add_argument("--limit", type=int, help="questions of each data set")
    group.add_argument("--answer", default="auto", help=f"how replies are read: {FORMS}")
    group.add_argument("--answer-timeout", type=float, default=5.0, help="seconds for one answer")


def _sampling_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--samples", type=int, default=16)
    group.add_argument("--temperature", type=float, default=1.0)
    group.add_argument(
        "--top-p", type=float, default=1.0, help="1: off, whatever the model's file says"
    )
    group.add_argument(
        "--top-k", type=int, default=0, help="0: off, whatever the model's file says"
    )
    group.add_argument(
        "--max-tokens",
        type=int,
        help="of a reply; default: half of the model's context, at most 4096; 256 for the bundled one",
    )
    group.add_argument("--max-model-len", type=int, help="default: what the longest question needs")
    group.add_argument(
        "--seed", type=int, default=0, help="runs of different seeds share no sample"
    )
    group.add_argument("--probe", type=int, default=32, help="tokens at which pruned arms look")
    group.add_argument("--keep", type=float, default=0.5, help="share that the pruned arms keep")
    group.add_argument(
        "--warmup", type=int, help="rollouts that set DeepConf online's threshold; default: half"
    )
    group.add_argument(
        "--window", type=int, help="its tokens; default: a 16th of max-tokens, at most 2048"
    )
    group.add_argument("--chunk", type=int, help="questions sampled, then kept")


def _server_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--url",
        help="of any server with OpenAI's API: http://HOST:PORT/v1; without deepconf-online, which needs "
        "the engine in this process",
    )
    group.add_argument(
        "--api-key-env", default="OPENAI_API_KEY", help="environment variable with its key"
    )
    group.add_argument("--concurrency", type=int, default=8, help="requests under way at once")


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        home.settle()
        if args.compare:
            compare_runs(args.compare[0], args.compare[1], args.out)
        else:
            evaluate(read_options(vars(args)))
    except (ArrolError, OSError) as error:
        print(f"arrol-eval: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("arrol-eval: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


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


if __name__ == "__main__":
    raise SystemExit(main())
