"""Turns a vLLM configuration into one that hosts the plugin, and refuses what cannot."""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vllm.platforms import current_platform
from vllm.utils.cpu_resource_utils import get_allowed_cpu_list

from arrol_serve.config import AdapterHead
from arrol_serve.engine.identity import other_weights
from arrol_serve.engine.plugin.compat import check_vllm
from arrol_serve.engine.plugin.wire import KEY
from arrol_serve.errors import HeadMismatch, InvalidRequest
from arrol_serve.quality.artifact import HeadManifest, check_fits, load_head

WORKER = "arrol_serve.engine.plugin.worker.ArrolWorker"
SCHEDULER = "arrol_serve.engine.plugin.scheduler.make_scheduler"
EXECUTOR = "arrol_serve.engine.plugin.executor.InProcessExecutor"
FEW_CORES = 8
"""With more, vLLM's own pinned threads are worth a core that spins."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An option of vLLM's that the plugin cannot honour."""

    why: str
    applies: Callable[[Any], bool] = bool


REFUSED = {
    "speculative_config": Refused(
        "with adaptive verification the GPU decides how many drafts are looked at, and the quality head "
        "would score other rows. Remove enable_adaptive_verification.",
        lambda config: bool(config.get("enable_adaptive_verification")),
    ),
    "runner": Refused(
        "arrol-serve samples text, and a pooling model has none. Serve it with vLLM itself.",
        lambda runner: runner == "pooling",
    ),
    "enable_batch_sharded_sampling": Refused(
        "each rank would sample other requests than the quality head scores. Remove the option."
    ),
    "prefill_context_parallel_size": Refused(
        "the rows that are sampled would not be the ones that the quality head scores. Leave it at 1.",
        lambda ranks: ranks > 1,
    ),
}


def engine_options(
    head: Path | None, additional_config: dict[str, Any] | None = None, *, records: bool = False
) -> dict[str, Any]:
    """The vLLM engine arguments that load the plugin, for ``LLM`` and ``AsyncEngineArgs`` alike.

    ``records``: the head's inputs may be recorded, for which memory is taken before vLLM sizes its cache.
    On a CPU prompts are never prefilled in chunks: vLLM then rewinds the generator of a request
    that has a seed by its offset, which CPU generators do not have, and the engine dies.
    Raises ``UnsupportedEngine`` for another vLLM.
    """
    check_vllm()
    ours = {"head": None if head is None else str(head.resolve()), "records": records}
    return {
        "worker_cls": WORKER,
        "scheduler_cls": SCHEDULER,
        "additional_config": {**(additional_config or {}), KEY: ours},
        **({"enable_chunked_prefill": False} if current_platform.is_cpu() else {}),
    }


def prepare(args: Any, head: Path | None, *, records: bool = False) -> HeadManifest | None:
    """Set the plugin on vLLM's parsed arguments; return the head's manifest. ``records`` as above.

    Raises ``InvalidRequest`` for options that the plugin cannot honour, ``HeadMismatch`` for a head
    that cannot be read, ``UnsupportedEngine`` for another vLLM.
    """
    for option, refused in REFUSED.items():
        if (found := getattr(args, option, None)) and refused.applies(found):
            raise InvalidRequest(f"--{option.replace('_', '-')}: {refused.why}", param=option)
    for option, default in (("worker_cls", "auto"), ("scheduler_cls", None)):
        if getattr(args, option, default) not in (default, WORKER, SCHEDULER):
            raise InvalidRequest(
                f"--{option.replace('_', '-')} is arrol-serve's own seam: remove the option.",
                param=option,
            )
    if current_platform.is_cpu() and getattr(args, "enable_chunked_prefill", None):
        raise InvalidRequest(
            "On a CPU a seeded request whose prompt is prefilled in chunks ends vLLM's engine: start "
            "without --enable-chunked-prefill.",
            param="enable_chunked_prefill",
        )
    if current_platform.is_cpu():
        _check_cores(args)
        _check_compiler(args)
        if few_cores() and _workers(args) == 1 and args.distributed_executor_backend is None:
            args.distributed_executor_backend = EXECUTOR
    manifest = None if head is None else load_head(head)[1]
    additional = getattr(args, "additional_config", None)
    for name, value in engine_options(head, additional, records=records).items():
        setattr(args, name, value)
    return manifest


def adapter_heads(args: Any, folders: Mapping[str, Path]) -> dict[str, AdapterHead]:
    """Have the worker load the heads of LoRA adapters; call after ``prepare``.

    Raises ``InvalidRequest`` for an adapter that is not served, ``HeadMismatch`` for a head that does not
    fit the model's shapes.
    """
    served = [module.name for module in getattr(args, "lora_modules", None) or ()]
    found: dict[str, AdapterHead] = {}
    for name, folder in folders.items():
        if name not in served:
            raise InvalidRequest(
                f"--head {name}={folder}: no adapter is served as {name}. Served by --lora-modules: "
                f"{', '.join(served) or 'none'}.",
                param="head",
            )
        manifest = load_head(folder)[1]
        check_fits(manifest, **_shapes(Path(args.model)))
        found[name] = AdapterHead(
            head=str(folder),
            head_id=manifest.id,
            probes=manifest.probes,
            belief=manifest.belief,
        )
    args.additional_config[KEY]["adapter_heads"] = {n: str(f.resolve()) for n, f in folders.items()}
    return found


def few_cores() -> bool:
    """Whether two processes that spin would take cores that others need."""
    return len(get_allowed_cpu_list()) <= FEW_CORES


def _workers(args: Any) -> int:
    return int(args.tensor_parallel_size * args.pipeline_parallel_size)


def _check_cores(args: Any) -> None:
    """vLLM binds each CPU worker to a NUMA node of its own, and fails late where there are too few."""
    from vllm import envs
    from vllm.utils.cpu_resource_utils import get_visible_memory_node

    workers = _workers(args)
    bound = envs.VLLM_CPU_OMP_THREADS_BIND == "auto"
    nodes = len(get_visible_memory_node())
    if workers > nodes and bound and "VLLM_CPU_SIM_MULTI_NUMA" not in os.environ:
        raise InvalidRequest(
            f"vLLM binds each of {workers} CPU workers to a NUMA node of its own, and there are {nodes} "
            "here: name the cores of each with VLLM_CPU_OMP_THREADS_BIND='0-3|4-7', or set it to nobind.",
            param="tensor_parallel_size",
        )


def _check_compiler(args: Any) -> None:
    """vLLM compiles a model's kernels with g++ and Python's headers, and fails late and at length without."""
    mode = getattr(args.compilation_config, "mode", None)
    if args.enforce_eager or args.optimization_level == 0 or mode == 0:
        return
    compiler = os.environ.get("CXX", "g++")
    headers = Path(sysconfig.get_path("include"), "Python.h")
    lacks = [] if shutil.which(compiler.split()[0]) else [f"the C++ compiler {compiler}"]
    lacks += [] if headers.exists() else [f"{headers}"]
    if lacks:
        raise InvalidRequest(
            f"vLLM compiles the model's kernels, and {' and '.join(lacks)} is missing: install it (Debian, "
            "Ubuntu: apt-get install g++ python3-dev), or start with --enforce-eager.",
            param="enforce_eager",
        )


def check_memory(args: Any) -> None:
    """Raise ``InvalidRequest`` where there is too little of it.

    On a CPU vLLM takes a share of each node's memory for its cache, and fails late where so much is not free.
    """
    from vllm.utils.cpu_resource_utils import get_memory_node_info, get_visible_memory_node

    said = args.kv_cache_memory_bytes is not None or os.environ.get("VLLM_CPU_KVCACHE_SPACE")
    if said or not current_platform.is_cpu():
        return
    share, gib = args.gpu_memory_utilization, 2**30
    for node in get_visible_memory_node():
        memory = get_memory_node_info(node)
        if share * memory.total_memory > memory.available_memory:
            raise InvalidRequest(
                f"vLLM wants {share:.0%} of the memory, {share * memory.total_memory / gib:.1f} GiB, and "
                f"{memory.available_memory / gib:.1f} GiB are free: say how much its cache may have with "
                "VLLM_CPU_KVCACHE_SPACE=4 (GiB), or lower --gpu-memory-utilization.",
                param="gpu_memory_utilization",
            )


def check_base_model(manifest: HeadManifest, model: str) -> None:
    """Raise ``HeadMismatch`` if the head was made for a model of other shapes, or other weights.

    Looks at a local folder's files, before an engine loads anything. The worker checks the shapes of
    every model once more.
    """
    check_fits(manifest, **_shapes(Path(model)))
    wanted = manifest.base_model.weights_sha256
    if wanted is not None and other_weights(wanted, model):
        raise HeadMismatch(
            f"The head {manifest.id!r} was made for other weights of {manifest.base_model.name}: "
            f"those of {model} differ. Fit it again on this model, or start with --head none."
        )


def _shapes(model: Path) -> dict[str, Any]:
    """What ``config.json`` says of them; a file that cannot be read is vLLM's to refuse."""
    try:
        config = json.loads((model / "config.json").read_bytes())
        text = config.get("text_config") or config
        names = {"num_layers": "num_hidden_layers"}
        facts = {f: text.get(names.get(f, f)) for f in ("hidden_size", "num_layers", "vocab_size")}
        return facts | {"architecture": next(iter(config.get("architectures") or []), None)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
