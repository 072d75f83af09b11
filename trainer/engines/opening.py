"""Opens what a recipe's rollouts come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from trainer.defaults import longest
from trainer.engines.base import RolloutEngine
from trainer.engines.idle import IdleEngine
from trainer.engines.local import LocalEngine
from trainer.engines.options import check_options, check_ranks
from trainer.engines.replicas import Replicas
from trainer.engines.sampling import build_engine
from trainer.engines.weight_transfer import ENGINE_BACKENDS, sync_options
from trainer.errors import ConfigError, one_line
from trainer.prompts.chat import Messages, Turns, messages
from trainer.prompts.room import Room
from trainer.ranks import Ranks
from trainer.sections import PLAIN_CHAT, ChatSection, RolloutSection


def open_engine(
    model: Path,
    rollout: RolloutSection,
    backend: str,
    dtype: torch.dtype,
    ranks: Ranks | None = None,
    template: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> RolloutEngine:
    """An engine in this process, or ``rollout.replicas``, which the first rank drives alone.

    ``backend``: ``sync.backend``; ``dtype``: of an engine in this process; ``template``: of the chat;
    ``options``: ``[engine]``. Raises ``ConfigError``. All ranks call it together.
    """
    ranks = ranks or Ranks()
    if rollout.replicas and not ranks.first:
        return IdleEngine()
    if rollout.replicas:
        return Replicas(rollout, Encoder(model, template or {}), ENGINE_BACKENDS[backend])
    if backend == "ipc":  # a CUDA memory handle cannot be opened by the process that made it
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
        os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")  # between our own processes
    ours: dict[str, Any] = {
        "max_model_len": rollout.max_model_len,
        "gpu_memory_utilization": rollout.gpu_memory,
        "dtype": str(dtype).removeprefix("torch."),
        "enable_sleep_mode": rollout.sleep,
        **sync_options(backend),
        # One engine a rank, beside the trainer's own groups in torch.distributed.
        "distributed_executor_backend": "external_launcher" if ranks.size > 1 else None,
    }
    chosen = dict(options or {})
    check_options(chosen, ours)
    check_ranks(chosen, ranks.size)
    try:
        llm = build_engine(model, sequences=rollout.sequences, **ours, **chosen)
        return LocalEngine(llm, sleeps=rollout.sleep)
    except (TypeError, ValueError) as error:
        if not chosen:
            raise
        raise ConfigError(
            f"vLLM does not take engine {', '.join(chosen)}: {one_line(error)}", param="engine"
        ) from error


def open_room(model: Path, rollout: RolloutSection, chat: ChatSection = PLAIN_CHAT) -> Room:
    """What prompts must fit into. Raises ``ConfigError`` for a model that cannot make any."""
    try:
        encode = Encoder(model, chat.template)
        encode(messages(chat, "1 + 1 = ?"))
    except ConfigError:
        raise
    except Exception as error:  # whatever a tokenizer's files and its template may raise
        raise ConfigError(
            f"run.model: the tokenizer of {model} cannot make a prompt: {one_line(error)}",
            param="run.model",
        ) from error

    most = longest(str(model))
    if most is not None and rollout.max_model_len > most and not rollout.replicas:
        raise ConfigError(
            f"rollout.max_model_len is {rollout.max_model_len}, and {model} has {most} positions "
            "(max_position_embeddings).",
            param="rollout.max_model_len",
        )

    @lru_cache(1 << 12)
    def length(question: str, before: Turns) -> int:
        return len(encode(messages(chat, question, before)))

    return Room(length, rollout.max_model_len, rollout.max_tokens)


class Encoder:
    """Chats to the token ids of their prompts, as the engine would make them.

    ``template``: what the chat template takes besides. Raises ``ConfigError`` where the model has none.
    """

    def __init__(self, model: Path, template: Mapping[str, Any]) -> None:
        from transformers import AutoTokenizer

        self._tokenizer, self._template = AutoTokenizer.from_pretrained(model), dict(template)
        if getattr(self._tokenizer, "chat_template", "") is None:
            raise ConfigError(
                f"{model} has no chat template, by which questions become prompts: take an instruct model, "
                "or put the template of its family there as chat_template.jinja.",
                param="run.model",
            )

    def __call__(self, chat: Messages) -> list[int]:
        ids: list[int] = self._tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=False, **self._template
        )
        return ids

    def text(self, chat: Messages) -> str:
        """The prompt as the model is shown it."""
        shown: str = self._tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=False, **self._template
        )
        return shown
