"""Options that belong together: checked, and filled where one follows from others."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from pathlib import Path

from arrol_serve.bundled import MODEL_NAME
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from trainer.out_folder import check_writable
from trainer.prompts.rows import DataError

CHUNK = 50
"""Questions, for an engine in this process."""
LEAST: Mapping[str, float] = {
    "samples": 1,
    "max_tokens": 1,
    "seed": 0,
    "probe": 1,
    "chunk": 1,
    "warmup": 1,
    "window": 1,
    "concurrency": 1,
    "limit": 1,
    "max_model_len": 2,
    "temperature": 0,
}


def check(args: argparse.Namespace) -> None:
    """Raise ``DataError`` for options that no evaluation could have."""
    if args.data is None or args.out is None:
        raise DataError("an evaluation needs --data and --out; a comparison --compare RUN RUN")
    _check_ranges(args)
    check_writable(args.out, "--out")
    if args.temperature == 0 and args.samples > 1:
        raise DataError("--temperature 0 gives the same reply every time: set --samples 1")
    if args.url is not None:
        _check_remote(args)
    elif args.model != MODEL_NAME and not (Path(args.model) / "config.json").is_file():
        raise DataError(
            f"--model {args.model} is not a folder with a Hugging Face checkpoint (no config.json)"
        )


def _check_ranges(args: argparse.Namespace) -> None:
    for name, least in LEAST.items():
        value = getattr(args, name)
        if value is not None and not (least <= value < math.inf):
            option = name.replace("_", "-")
            raise DataError(f"--{option} {value}: it must be a number from {least:g}")
    if args.window is not None and args.window > CONFIDENCE_WINDOW:
        raise DataError(f"--window {args.window}: at most {CONFIDENCE_WINDOW}")
    if args.warmup is not None and args.warmup >= args.samples:
        raise DataError(f"--warmup {args.warmup}: it must leave some of --samples {args.samples}")
    if not 0 < args.keep <= 1:
        raise DataError(f"--keep {args.keep}: it must be above 0 and at most 1")
    if not 0 < args.answer_timeout < math.inf:
        raise DataError(f"--answer-timeout {args.answer_timeout}: it must be above 0")


def _check_remote(args: argparse.Namespace) -> None:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", args.url):
        raise DataError(
            f"--url {args.url}: it must be a server's, such as http://127.0.0.1:8000/v1"
        )
    for name in ("head", "max_model_len"):
        if getattr(args, name) is not None:
            raise DataError(f"--{name.replace('_', '-')} is the server's with --url: leave it out")


def fill(args: argparse.Namespace) -> None:
    """Options whose default depends on others."""
    if args.chunk is None:
        args.chunk = CHUNK if args.url is None else 4 * args.concurrency
    if args.warmup is None:
        args.warmup = max(1, args.samples // 2)
    if args.window is None:
        args.window = min(CONFIDENCE_WINDOW, max(1, args.max_tokens // 16))
