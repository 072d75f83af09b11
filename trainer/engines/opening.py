"""Opens what a recipe's rollouts come from."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import torch

from trainer.engines.base import RolloutEngine
from trainer.engines.idle import IdleEngine
from trainer.engines.local import LocalEngine
from trainer.engines.replicas import Replicas
from trainer.engines.sampling import build_engine
from trainer.engines.weight_transfer import ENGINE_BACKENDS, sync_options
from trainer.errors import ConfigError, one_line
from trainer.prompts.room import Room
from trainer.ranks import Ranks
from trainer.sections import RolloutSection


def open_engine(
    model: Path,
    rollout: RolloutSection,
    backend: str,
    dtype: torch.dtype,
    ranks: Ranks | None = None,
) -> RolloutEngine:
    """An engine in this process, or ``rollout.replicas``, which the first rank drives alone.

    ``backend``: ``sync.backend``; ``dtype``: of an engine in this process. Raises ``ConfigError``. All
    ranks call it together.
    """
    ranks = ranks or Ranks()
    if rollout.replicas and not ranks.first:
        return IdleEngine()
    if rollout.replicas:
        return Replicas(rollout, Encoder(model), ENGINE_BACKENDS[backend])
    if backend == "ipc":  # a CUDA memory handle cannot be opened by the process that made it
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
        os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")  # between our own processes
    llm = build_engine(
        model,
        sequences=rollout.sequences,
        max_model_len=rollout.max_model_len,
        gpu_memory_utilization=rollout.gpu_memory,
        dtype=str(dtype).removeprefix("torch."),
        **sync_options(backend),
        # One engine a rank, beside the trainer's own groups in torch.distributed.
        distributed_executor_backend="external_launcher" if ranks.size > 1 else None,
    )
    return LocalEngine(llm)


def open_room(model: Path, rollout: RolloutSection) -> Room:
    """What prompts must fit into. Raises ``ConfigError`` for a model that cannot make any."""
    try:
        encode = Encoder(model)
        encode("1 + 1 = ?")
    except Exception as error:  # whatever a tokenizer's files and its template may raise
        raise ConfigError(
            f"run.model: the tokenizer of {model} cannot make a prompt: {one_line(error)}",
            param="run.model",
        ) from error
    length = lru_cache(1 << 12)(lambda text: len(encode(text)))
    return Room(length, rollout.max_model_len, rollout.max_tokens)


class Encoder:
    """Questions to the token ids of their prompts, as the engine's own chat would make them."""

    def __init__(self, model: Path) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(model)

    def __call__(self, question: str) -> list[int]:
        chat = [{"role": "user", "content": question}]
        ids: list[int] = self._tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return ids
