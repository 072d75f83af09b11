"""``arrol-eval``: accuracy against tokens of a model on the user's questions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from arrol_serve import __version__, home
from arrol_serve.bundled import MODEL_NAME
from arrol_serve.ending import trace_crashes
from arrol_serve.errors import ArrolError
from trainer.evaluation.options import read_options
from trainer.evaluation.reporting.compare import compare, read_report, table
from trainer.evaluation.reporting.methods import METHODS
from trainer.evaluation.words import add_data, add_sampling
from trainer.help import Help


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="arrol-eval",
        description=__doc__,
        formatter_class=Help,
        epilog="arrol-eval show RUN: what was sampled, as a page too. arrol-eval tune --help: search "
        "settings chosen for a model and its head.",
    )
    p.add_argument("--version", action="version", version=f"arrol-eval {__version__}")
    p.add_argument(
        "--model", default=MODEL_NAME, help="folder of the model, or its name with --url"
    )
    p.add_argument(
        "--head", type=Path, help="folder of its quality head, or none; default: the bundled one's"
    )
    p.add_argument(
        "--out", type=Path, help="folder of the run; needed, and gone on with if it exists"
    )
    p.add_argument(
        "--methods", help=f"commas, of {', '.join(METHODS)}; default: all that can be had"
    )
    p.add_argument(
        "--k", help="commas; for pass@k, maj@k, weighted@k; default: powers of two up to --samples"
    )
    p.add_argument(
        "--compare",
        type=Path,
        nargs=2,
        metavar="RUN",
        help="folders of two finished runs: sample nothing, compare them; --out keeps the result",
    )
    add_data(p.add_argument_group("data"))
    sampling = p.add_argument_group("sampling")
    add_sampling(sampling, samples=16)
    _arm_options(sampling)
    _server_options(p.add_argument_group("a running server instead of an engine in this process"))
    return p


def _arm_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--probe", type=int, default=32, help="tokens at which pruned arms look")
    group.add_argument("--keep", type=float, default=0.5, help="share that the pruned arms keep")
    group.add_argument(
        "--warmup",
        type=int,
        help="rollouts that set DeepConf online's threshold; default: half of the samples",
    )
    group.add_argument(
        "--window", type=int, help="its tokens; default: a 16th of max-tokens, at most 2048"
    )
    group.add_argument(
        "--chunk",
        type=int,
        help="questions sampled, then kept; default: 50, or with --url four times --concurrency",
    )


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
    words = list(sys.argv[1:] if argv is None else argv)
    trace_crashes()
    try:
        home.settle()
        _run(words)
    except (ArrolError, OSError) as error:
        print(f"arrol-eval: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("arrol-eval: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _run(words: Sequence[str]) -> None:
    if words[:1] == ["tune"]:
        from trainer.evaluation.tuning.options import read

        asked = read(words[1:])
        from trainer.evaluation.tuning.command import tune

        tune(asked)
        return
    if words[:1] == ["show"]:
        show_run(words[1:])
        return
    args = parser().parse_args(words)
    if args.compare:
        compare_runs(args.compare[0], args.compare[1], args.out)
    else:
        options = read_options(vars(args))
        from trainer.evaluation.evaluate import evaluate  # an engine's worth of imports

        evaluate(options)


def show_run(words: Sequence[str]) -> None:
    """``arrol-eval show RUN``."""
    from trainer.evaluation.kept_replies import kept_replies
    from trainer.samples.show import add_show, show

    p = argparse.ArgumentParser(
        "arrol-eval show", description="What a run sampled.", formatter_class=Help
    )
    add_show(p, "arm")
    args = p.parse_args(words)
    show(kept_replies(args.run), args, "arm")


def compare_runs(first: Path, second: Path, out: Path | None) -> None:
    """Print the comparison; with ``out``, keep it there as JSON, Markdown and a plot."""
    found = compare(read_report(first), read_report(second))
    text = table(found, (first.name, second.name))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "compare.json").write_text(json.dumps(found, indent=1) + "\n")
        (out / "compare.md").write_text(text)
        from trainer.evaluation.reporting.plots import draw_comparison

        draw_comparison(found, (first.name, second.name), out)
    print(text)


if __name__ == "__main__":
    raise SystemExit(main())
