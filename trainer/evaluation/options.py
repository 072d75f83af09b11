"""What one evaluation was asked for: checked, and filled where one option follows from others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from arrol_serve.bundled import MODEL_NAME
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from trainer.evaluation.reply_length import default_max_tokens
from trainer.evaluation.sampling import Settings
from trainer.evaluation.uniform_vote import MOST
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
    "top_k": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """The command's options by their names; see ``cli`` for what each is."""

    model: str
    head: Path | None
    out: Path
    methods: str | None
    k: str | None
    data: str
    data_dir: Path | None
    question_field: str
    answer_field: str
    answer_after: str
    subset: str
    split: str
    limit: int | None
    answer: str
    answer_timeout: float
    samples: int
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    max_model_len: int | None
    seed: int
    probe: int
    keep: float
    warmup: int
    window: int
    chunk: int
    url: str | None
    api_key_env: str
    concurrency: int

    @property
    def settings(self) -> Settings:
        """The part that says how every arm samples."""
        return Settings(**{name: getattr(self, name) for name in Settings.__slots__})


def read_options(given: Mapping[str, Any]) -> EvalOptions:
    """``given``: every option, None where it was left out. Raises ``DataError``."""
    if given["data"] is None or given["out"] is None:
        raise DataError("an evaluation needs --data and --out; a comparison --compare RUN RUN")
    asked = EvalOptions(**{field.name: given[field.name] for field in fields(EvalOptions)})
    _check(asked)
    return _fill(asked)


def _check(asked: EvalOptions) -> None:
    _check_ranges(asked)
    check_writable(asked.out, "--out")
    if asked.temperature == 0 and asked.samples > 1:
        raise DataError("--temperature 0 gives the same reply every time: set --samples 1")
    if asked.url is not None:
        _check_remote(asked, asked.url)
    elif asked.model != MODEL_NAME and not (Path(asked.model) / "config.json").is_file():
        raise DataError(
            f"--model {asked.model} is not a folder with a Hugging Face checkpoint (no config.json)"
        )


def _check_ranges(asked: EvalOptions) -> None:
    for name, least in LEAST.items():
        value = getattr(asked, name)
        if value is not None and not (least <= value < math.inf):
            option = name.replace("_", "-")
            raise DataError(f"--{option} {value}: it must be a number from {least:g}")
    if asked.samples > MOST:
        raise DataError(f"--samples {asked.samples}: at most {MOST}")
    if asked.window is not None and asked.window > CONFIDENCE_WINDOW:
        raise DataError(f"--window {asked.window}: at most {CONFIDENCE_WINDOW}")
    if asked.warmup is not None and asked.warmup >= asked.samples:
        raise DataError(f"--warmup {asked.warmup}: it must leave some of --samples {asked.samples}")
    for name in ("keep", "top_p"):
        value = getattr(asked, name)
        if not 0 < value <= 1:
            option = name.replace("_", "-")
            raise DataError(f"--{option} {value}: it must be above 0 and at most 1")
    if not 0 < asked.answer_timeout < math.inf:
        raise DataError(f"--answer-timeout {asked.answer_timeout}: it must be above 0")


def _check_remote(asked: EvalOptions, url: str) -> None:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        raise DataError(f"--url {url}: it must be a server's, such as http://127.0.0.1:8000/v1")
    for name in ("head", "max_model_len"):
        if getattr(asked, name) is not None:
            raise DataError(f"--{name.replace('_', '-')} is the server's with --url: leave it out")


def _fill(asked: EvalOptions) -> EvalOptions:
    """Options whose default depends on others."""
    most = asked.max_tokens
    if most is None:
        most = default_max_tokens(asked.model, asked.url, asked.api_key_env)
    chunk = CHUNK if asked.url is None else 4 * asked.concurrency
    return replace(
        asked,
        max_tokens=most,
        chunk=chunk if asked.chunk is None else asked.chunk,
        warmup=max(1, asked.samples // 2) if asked.warmup is None else asked.warmup,
        window=min(CONFIDENCE_WINDOW, max(1, most // 16)) if asked.window is None else asked.window,
    )
