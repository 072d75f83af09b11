"""One voted answer, every way: ``python -m benchmarks serving [--quick]``.

One server holds the weights; plain requests to it are plain vLLM, the peers stand in front of it. The
arms take turns on the same blocks of questions with the same seeds; cost is read from the engine's own
token counter. A run that is interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from arrol_serve.bundled import MODEL_NAME
from benchmarks import peers
from benchmarks.processes import free_port, running
from benchmarks.record import RESULTS, write_result
from benchmarks.serving.arms import BASELINE, SERVER, UNIFORM, Arm, arms
from benchmarks.serving.client import Question, first_byte, run_block
from benchmarks.serving.journal import Journal
from benchmarks.serving.plot import serving_plot
from benchmarks.serving.summary import right, summarise
from trainer.evaluation.datasets import Source, load
from trainer.prompts.arithmetic import EVALUATION_SEED

PROMPTS = {
    "The answer is X": ' End with "The answer is X".',
    "\\boxed{}": " Put the final answer in \\boxed{}.",
}
"""Prompt form -> what is added to the question. The first is the peers' best case."""
FULL = {"1": 64, "8": 192, "32": 384}
"""Questions at once -> questions."""
ASKED = (
    "samples", "temperature", "max_tokens", "data", "data_dir", "model", "head", "probe", "arms",
)  # fmt: skip
"""Options that a result is of."""
PLACES = ("data_dir", "model", "head")
"""Paths of which a result shows the last part only."""
LEAST_BLOCK = 8
"""Questions of a block, at least."""
REFILLS = 4
"""Questions of a block, relative to those at once: who has an answer asks the next, as on a busy server."""
TEMPLATE = Path(__file__).with_name("chat_template.jinja")


@contextmanager
def everybody(settings: Mapping[str, Any], venvs: Path) -> Iterator[dict[str, str]]:
    """The server and the peers in front of it; yields their URLs."""
    port = free_port()
    # What a peer does not forward, the server supplies; temperature 1 of optillm's
    # self_consistency is forced by it and stays.
    sampling = {"temperature": settings["temperature"], "max_new_tokens": settings["max_tokens"]}
    command = [sys.executable, "-m", "arrol_serve", *served(settings)]
    command += ["--override-generation-config", json.dumps(sampling), "--max-logprobs", "20"]
    quiet = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1"}
    model = settings["served_as"]
    with ExitStack() as stack:
        ours = stack.enter_context(running([*command, "--port", str(port)], port, quiet)).url
        optillm = stack.enter_context(peers.optillm(ours, model, venvs))
        hub = stack.enter_context(peers.its_hub(ours, model, settings["samples"], venvs))
        yield {SERVER: ours, optillm.name: optillm.url, hub.name: hub.url}


def served(settings: Mapping[str, Any]) -> list[str]:
    """The server's words for the model."""
    if settings["model"] is None:
        return ["--chat-template", str(TEMPLATE)]
    words = [settings["model"], "--served-model-name", settings["served_as"]]
    return words + (["--head", settings["head"]] if settings["head"] else [])


def questions(settings: Mapping[str, Any], prompt: str) -> list[Question]:
    """Enough for the largest count."""
    folder = settings["data_dir"]
    source = Source(Path(folder) if folder else None, limit=max(settings["questions"].values()))
    items = load([settings["data"]], source)
    return [Question(i, x.question + PROMPTS[prompt], x.gold) for i, x in enumerate(items)]


def arms_of(settings: Mapping[str, Any]) -> list[Arm]:
    found = arms(settings["samples"], settings["probe"], settings["served_as"])
    words = settings["arms"]
    kept = {found[BASELINE].name, UNIFORM}
    return [a for a in found if not words or a.name in kept or any(w in a.name for w in words)]


def block_size(settings: Mapping[str, Any], concurrency: int | str) -> int:
    """Questions that an arm answers before the next arm's turn."""
    return max(settings["least_block"], settings["refills"] * int(concurrency))


def plan(settings: Mapping[str, Any]) -> list[tuple[str, int, int, Arm]]:
    """Every block in the order in which it runs; the arms' order rotates from block to block."""
    all_arms = arms_of(settings)
    found = []
    for concurrency, count in settings["questions"].items():
        for block in range(-(-count // block_size(settings, concurrency))):
            for prompt in settings["prompts"]:
                turn = block % len(all_arms)
                order = all_arms[turn:] + all_arms[:turn]
                found += [(prompt, int(concurrency), block, arm) for arm in order]
    return found


def measure(urls: Mapping[str, str], settings: Mapping[str, Any], journal: Journal) -> None:
    """Run what the journal does not hold yet."""
    sampling = {key: settings[key] for key in ("temperature", "max_tokens")}
    asked = {prompt: questions(settings, prompt) for prompt in settings["prompts"]}
    for arm in arms_of(settings):  # warms everything up
        asyncio.run(run_block(urls, arm, asked[settings["prompts"][0]][:2], 2, sampling))
    for prompt, concurrency, block, arm in tqdm(plan(settings), unit="block"):
        if (prompt, concurrency, block, arm.name) in journal.blocks:
            continue
        size = block_size(settings, concurrency)
        start = block * size
        end = min(start + size, settings["questions"][str(concurrency)])
        chosen = asked[prompt][start:end]
        done = asyncio.run(run_block(urls, arm, chosen, concurrency, sampling))
        marks = [right(text, q.gold) for text, q in zip(done.texts, chosen, strict=True)]
        where = {"prompt": prompt, "concurrency": concurrency, "block": block, "arm": arm.name}
        journal.add({**where, "right": marks, **asdict(done)})


def first_bytes(urls: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, float]:
    """Median seconds to the first byte of a stream, for each arm, one request at a time."""
    sampling = {key: settings[key] for key in ("temperature", "max_tokens")}
    asked = questions(settings, settings["prompts"][0])[:5]
    found = {}
    for arm in tqdm(arms_of(settings), unit="arm", desc="first byte"):
        times = sorted(asyncio.run(first_byte(urls, arm, q, sampling)) for q in asked)
        found[arm.name] = times[len(times) // 2]
    return found


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks serving", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few questions, one prompt, no result file"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the questions to ask")
    parser.add_argument(
        "--at-once", nargs="+", choices=FULL, default=list(FULL), help="questions at once"
    )
    parser.add_argument("--out", type=Path, help="folder of the run; goes on if it exists")
    parser.add_argument("--venvs", type=Path, default=peers.CACHE, help="where the peers live")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--model", help="folder of another model than the bundled one")
    parser.add_argument("--head", help="folder of its head")
    parser.add_argument("--data", default="arithmetic:6", help="as of arrol-eval")
    parser.add_argument("--data-dir", help="folder of the named sets")
    parser.add_argument("--temperature", type=float, default=1.75)
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument(
        "--arms", nargs="+", help="only arms whose name has one of these words; the baseline stays"
    )
    parser.add_argument("--probe", type=int, default=32, help="tokens at which pruned arms look")
    parser.add_argument("--name", default="serving", help="of the result file")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result file")
    parser.add_argument("--note", default="", help="what readers must know of this run")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parsed(argv)
    share = 0.05 if args.quick else args.share
    settings = {
        **{key: getattr(args, key) for key in ASKED},
        "served_as": MODEL_NAME if args.model is None else Path(args.model).name,
        "least_block": LEAST_BLOCK,
        "refills": REFILLS,
        "questions": {level: max(8, round(share * FULL[level])) for level in args.at_once},
        "prompts": list(PROMPTS)[:1] if args.quick else list(PROMPTS),
    }
    out = args.out or Path("runs") / ("serving-quick" if args.quick else "serving")
    journal = Journal(out / "blocks.jsonl", settings)
    with everybody(settings, args.venvs) as urls:
        measure(urls, settings, journal)
        streams = first_bytes(urls, settings)
    baseline = arms(args.samples)[BASELINE].name
    rows = summarise(list(journal.blocks.values()), baseline, UNIFORM)
    settings |= {"first_byte_s": streams, "baseline": baseline}
    if not args.quick:
        shown = {key: Path(v).name if key in PLACES and v else v for key, v in settings.items()}
        seeds = [EVALUATION_SEED]
        serving_plot(
            write_result(args.name, shown, rows, seeds=seeds, note=args.note, folder=args.results)
        )
    for row in rows:
        print(
            f"{row['prompt']:16s} {row['concurrency']:3d} {row['arm']:36s} {row['accuracy']:.3f} "
            f"tokens {row['tokens_relative']:.2f} goodput {row['goodput_relative']:.2f}"
        )


if __name__ == "__main__":
    main()
