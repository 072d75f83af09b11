"""What pruned generation under TRL cannot do is refused before anything is loaded. Pure but for versions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import torch
from pydantic import ValidationError

from arrol_serve.errors import complaint
from trainer.errors import ConfigError
from trainer.recipe import check_keys
from trainer.sections import PruneSection, Section

VERSION = "1.16."
NEEDED = {"use_vllm": True, "vllm_mode": "colocate"}
NEUTRAL: dict[str, Any] = {
    "vllm_tensor_parallel_size": 1,
    "vllm_enable_sleep_mode": False,
    "vllm_structured_outputs_regex": None,
    "vllm_model_impl": ("vllm", "auto"),
    "min_p": (None, 0.0),
    "repetition_penalty": 1.0,
    "generation_kwargs": (None, {}),
}
"""Settings of ``GRPOConfig`` that our engine does not carry out, and what they must be."""
REST = ("tools", "rollout_func", "environment_factory")
S = TypeVar("S", bound=Section)


def settled(kind: type[S], given: S | Mapping[str, Any]) -> S:
    """Raises ``ConfigError`` naming what is wrong."""
    if isinstance(given, kind):
        return given
    name, body = kind.__name__.removesuffix("Section").lower(), dict(given)
    check_keys(body, kind, f"{name}.")
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *map(str, first["loc"])])
        raise ConfigError(f"{where}: {complaint(first)}.", param=where) from error


def check_settings(args: Any, prune: PruneSection, rest: Mapping[str, Any]) -> None:
    """Raises ``ConfigError``."""
    _check_version()
    for name, value in NEEDED.items():
        if getattr(args, name) != value:
            raise ConfigError(f"ArrolGRPOTrainer needs GRPOConfig({name}={value!r}).", param=name)
    for name, neutral in NEUTRAL.items():
        allowed = neutral if isinstance(neutral, tuple) else (neutral,)
        if getattr(args, name) not in allowed:
            raise ConfigError(
                f"ArrolGRPOTrainer does not carry out {name}={getattr(args, name)!r}: leave it out.",
                param=name,
            )
    for name in REST:
        if rest.get(name) is not None:
            raise ConfigError(
                f"ArrolGRPOTrainer has one turn and no tools: leave {name} out.", param=name
            )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "ArrolGRPOTrainer trains in one process: pruning leaves processes with different numbers "
            "of rows. Several GPUs are used by arrol-train policy under torchrun."
        )
    longest, last = args.max_completion_length, prune.probes[-1]
    if prune.mode != "none" and last >= longest:
        raise ConfigError(
            f"prune.probes: no completion of {longest} tokens gets beyond the probe at {last}: set it below "
            "max_completion_length.",
            param="prune.probes",
        )
    if prune.min_survivors > args.num_generations:
        raise ConfigError(
            "prune.min_survivors is above num_generations: nothing would be pruned.",
            param="prune.min_survivors",
        )


def _check_version() -> None:
    try:
        found = version("trl")
    except PackageNotFoundError:
        found = "not installed"
    if not found.startswith(VERSION):
        raise ConfigError(
            f"ArrolGRPOTrainer is made for TRL {VERSION}x, which is {found} here: "
            f"pip install 'trl=={VERSION}*'."
        )


def engine_dtype(args: Any, model: Any) -> torch.dtype:
    """What the engine computes in: as the trainer does."""
    if args.bf16 or args.fp16:
        return torch.bfloat16 if args.bf16 else torch.float16
    found = getattr(model, "dtype", torch.float32)  # a name: TRL loads it in float32
    return found if isinstance(found, torch.dtype) else torch.float32
