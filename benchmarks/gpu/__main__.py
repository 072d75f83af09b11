"""``python -m benchmarks gpu shapes``: parts that are done are not done again, so that time may run out."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.gpu.models import SHAPES
from benchmarks.gpu.parts import PARTS, size
from benchmarks.record import RESULTS, write_result


def main(argv: Sequence[str] | None = None) -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(prog="benchmarks gpu", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["shapes"], default="shapes")
    parser.add_argument("--shape", choices=SHAPES, default="qwen3-8b" if on_gpu else "tiny")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--work", type=Path, default=Path("runs/gpu-shapes"))
    parser.add_argument("--results", type=Path, default=RESULTS if on_gpu else None)
    parser.add_argument("--again", action="store_true", help="parts that are done too")
    args = parser.parse_args(argv)
    results = args.results or args.work / "results"
    results.mkdir(parents=True, exist_ok=True)
    for part in args.parts:
        name = f"gpu_{part}_{args.shape}"
        if (results / f"{name}.json").exists() and not args.again:
            print(f"{part}: done before, in {results / name}.json")
            continue
        began = time.monotonic()
        rows = PARTS[part](args.shape, args.work.resolve())
        settings = {"shape": args.shape, "part": part, "weights": "random", **_sizes()}
        write_result(name, settings, rows, seeds=[0], folder=results)
        print(f"{part}: {time.monotonic() - began:.0f} s")
        for row in rows:
            print("  " + json.dumps(row))


def _sizes() -> dict[str, object]:
    asked = size()
    return {key: getattr(asked, key) for key in asked.__slots__}


if __name__ == "__main__":
    main()
