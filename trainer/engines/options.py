"""``[engine]``: options of vLLM's for an engine in this process, by vLLM's own names."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Mapping
from typing import Any

from trainer.errors import ConfigError

OURS: Mapping[str, str] = {
    "model": "run.model",
    "tokenizer": "run.model",
    "dtype": "optim.dtype",
    "max_model_len": "rollout.max_model_len",
    "max_num_seqs": "rollout.sequences",
    "gpu_memory_utilization": "rollout.gpu_memory",
    "chat_template": "chat.template",
    "enable_sleep_mode": "rollout.sleep",
}
"""Option -> the setting that says it."""
REFUSED: Mapping[str, str] = {
    "seed": "every rollout has a seed of its own, see run.seed",
    "worker_cls": "it is where pruning lives",
    "scheduler_cls": "it is where pruning lives",
    "worker_extension_cls": "it is where pruning lives",
    "additional_config": "it is where pruning lives",
    "distributed_executor_backend": "torchrun's ranks decide it",
    "data_parallel_size": "torchrun's ranks each have an engine, or rollout.replicas are many",
    "enable_chunked_prefill": "what is possible depends on the machine",
    "override_generation_config": "a cut distribution is not the one that is trained",
    "logits_processors": "another distribution is not the one that is trained",
    "runner": "only text can be sampled",
}
"""Option -> why it cannot be given."""


def check_options(options: Mapping[str, Any], owned: Collection[str] = ()) -> None:
    """Raise ``ConfigError`` for an option that vLLM does not know, or that is not the recipe's to give.

    ``owned``: what the trainer gives itself.
    """
    if not options:
        return
    from arrol_serve.engine.setup import REFUSED as UNSUPPORTED

    known = _known()
    for name, value in options.items():
        unsupported = UNSUPPORTED.get(name)
        if name in OURS:
            _refuse(name, f"it is said by {OURS[name]}")
        if name in REFUSED:
            _refuse(name, REFUSED[name])
        if name in owned:
            _refuse(name, "the trainer sets it")
        if unsupported is not None and unsupported.applies(value):
            _refuse(name, unsupported.why.rstrip("."))
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.0)
            _refuse(name, f"vLLM has no such option: did you mean {close[0]}?")


def check_ranks(options: Mapping[str, Any], ranks: int) -> None:
    """Raise ``ConfigError`` where each of several ranks would want an engine of several workers."""
    wide = [n for n in ("tensor_parallel_size", "pipeline_parallel_size") if options.get(n, 1) != 1]
    if wide and ranks > 1:
        _refuse(wide[0], "each of torchrun's ranks has an engine of one worker")


def _refuse(name: str, why: str) -> None:
    end = "" if why.endswith("?") else "."
    raise ConfigError(f"engine.{name}: {why}{end}", param=f"engine.{name}")


def _known() -> frozenset[str]:
    from vllm.engine.arg_utils import EngineArgs

    return frozenset(field.name for field in dataclasses.fields(EngineArgs))
