"""What one evaluation was asked for: checked, and filled where one option follows from others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from arrol_serve.bundled import MODEL_NAME
from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW
from trainer.errors import DataError
from trainer.evaluation.reply_length import default_max_tokens
from trainer.evaluation.reporting.uniform_vote import MOST
from trainer.evaluation.sampling import Settings
from trainer.out_folder import check_writable
from trainer.prompts.chat import read_chat
from trainer.prompts.words import check_filters
from trainer.sections import ChatSection

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
    chat: ChatSection
    max_tokens: int
    max_model_len: int | None
    seed: int
    probe: int
    keep: float
    warmup: int
    window: int
    chunk: int
    replies: bool
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
    _check_ranges(given)
    check_writable(given["out"], "--out")
    if given["temperature"] == 0 and given["samples"] > 1:
        raise DataError("--temperature 0 gives the same reply every time: set --samples 1")
    model, url, head = given["model"], given["url"], given["head"]
    if url is None and head not in (None, Path("none")) and not (head / "head.json").is_file():
        raise DataError(
            f"--head {head} is not a folder with a quality head (no head.json); arrol-train head makes one"
        )
    if url is not None:
        _check_remote(given, url)
    elif model != MODEL_NAME and not (Path(model) / "config.json").is_file():
        raise DataError(
            f"--model {model} is not a folder with a Hugging Face checkpoint (no config.json)"
        )
    filled = _filled(given)
    return EvalOptions(**{field.name: filled[field.name] for field in fields(EvalOptions)})


def _check_ranges(given: Mapping[str, Any]) -> None:
    for name, least in LEAST.items():
        value = given[name]
        if value is not None and not (least <= value < math.inf):
            raise DataError(f"{_option(name)} {value}: it must be a number from {least:g}")
    samples, window, warmup = given["samples"], given["window"], given["warmup"]
    if samples > MOST:
        raise DataError(f"--samples {samples}: at most {MOST}")
    if window is not None and window > CONFIDENCE_WINDOW:
        raise DataError(f"--window {window}: at most {CONFIDENCE_WINDOW}")
    if warmup is not None and warmup >= samples:
        raise DataError(f"--warmup {warmup}: it must leave some of --samples {samples}")
    if not 0 < given["keep"] <= 1:
        raise DataError(f"--keep {given['keep']}: it must be above 0 and at most 1")
    check_filters(given)
    if not 0 < given["answer_timeout"] < math.inf:
        raise DataError(f"--answer-timeout {given['answer_timeout']}: it must be above 0")


def _check_remote(given: Mapping[str, Any], url: str) -> None:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        raise DataError(f"--url {url}: it must be a server's, such as http://127.0.0.1:8000/v1")
    for name in ("head", "max_model_len"):
        if given[name] is not None:
            raise DataError(f"{_option(name)} is the server's with --url: leave it out")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """With the options whose default depends on others."""
    most = given["max_tokens"]
    if most is None:
        most = default_max_tokens(given["model"], given["url"], given["api_key_env"])
    defaults = {
        "max_tokens": most,
        "chunk": CHUNK if given["url"] is None else 4 * given["concurrency"],
        "warmup": max(1, given["samples"] // 2),
        "window": min(CONFIDENCE_WINDOW, max(1, most // 16)),
    }
    given = {**given, "chat": read_chat(given)}
    return {**given, **{k: v for k, v in defaults.items() if given[k] is None}}
