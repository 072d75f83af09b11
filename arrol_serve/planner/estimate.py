"""The formulas: memory to groups, groups to a batch, a batch to tokens and searches per second.

Decoding reads all weights it uses and the KV cache of every sequence once a step, and computes two
FLOPs per weight and token; a step takes as long as the slower of the two (the roofline of Pope et al.,
arXiv 2211.05102, section 2). KV cache is handed out in blocks, and the prompt's blocks are shared by a
group (Kwon et al., arXiv 2309.06180, sections 4.3 and 4.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from arrol_serve.errors import InvalidRequest
from arrol_serve.planner.hardware import GIB, Gpu
from arrol_serve.planner.model_shape import ModelShape


@dataclass(frozen=True, slots=True)
class Load:
    """What is served: searches of ``samples`` candidates of ``output`` tokens after one prompt."""

    samples: int
    prompt: int
    output: int
    """Mean tokens of a candidate that survives."""
    keep: float
    """Share of the candidates that survives the probe; 1: no pruning."""
    probe: int

    def alive(self) -> float:
        """Candidates alive, averaged over a search's length."""
        share = self.probe / self.output
        return self.samples * (share + self.keep * (1 - share))

    def generated(self) -> float:
        """Tokens of one search."""
        return self.alive() * self.output

    def held(self) -> float:
        """Generated tokens in the KV cache, averaged over a search's length.

        The integral of t * alive(t) over t, divided by the length.
        """
        before, after = self.probe**2, self.output**2 - self.probe**2
        return self.samples * (before + self.keep * after) / (2 * self.output)

    def peak(self) -> float:
        """The most generated tokens that a search holds: at its probe, or at its end."""
        return self.samples * max(self.probe, self.keep * self.output)


@dataclass(frozen=True, slots=True)
class Setup:
    """How it is served."""

    gpu: Gpu
    gpus: int = 1
    """Tensor-parallel GPUs of one replica."""
    kv_dtype_bytes: float = 2.0
    utilization: float = 0.92
    """vLLM's ``--gpu-memory-utilization``."""
    reserve: float = 2.0 * GIB
    """Bytes a GPU needs for activations, CUDA graphs and the CUDA context."""
    kv_memory: float | None = None
    """Bytes of KV cache on each GPU, if they are set (``--kv-cache-memory-bytes``)."""
    max_seqs: int = 256
    """vLLM's ``--max-num-seqs``."""
    block: int = 16
    efficiency: float = 0.5
    """Share of the roofline that is reached: an assumption; measure yours."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer. All figures are of one replica."""

    weights_gib_per_gpu: float
    kv_gib_per_gpu: float
    kv_bytes_per_token: float
    """KV cache of a token on one GPU."""
    kv_tokens: int
    """Capacity, as the engine reports it at start."""
    groups: int
    """Searches that run at once, on average over their lengths."""
    groups_at_peak: int
    """Searches whose worst moments fit at once: below it nothing is ever preempted."""
    batch: float
    """Sequences of a step."""
    step_ms: float
    bound_by: str
    tokens_per_s_bound: float
    searches_per_s_bound: float
    searches_per_s_expected: float
    tokens_per_search: float
    tokens_saved_by_pruning: float
    seconds_per_search: float
    """Duration of one search among the others, at the expected rate."""


def estimate(model: ModelShape, load: Load, setup: Setup) -> Plan:
    """The plan. Raises ``InvalidRequest`` when the model or a single search does not fit."""
    weights = model.weight_bytes / setup.gpus
    kv_memory = _kv_memory(weights, setup)
    per_token = model.kv_bytes_per_token(setup.kv_dtype_bytes, setup.gpus)
    kv_tokens = int(kv_memory / per_token / setup.block) * setup.block
    mean, peak = (_group_bytes(model, load, setup, tokens) for tokens in (load.held(), load.peak()))
    if kv_memory < peak:
        raise InvalidRequest(
            f"One search needs {peak / GIB:.2f} GiB of KV cache at its peak and there are "
            f"{kv_memory / GIB:.2f}: more GPUs, fewer samples, or shorter outputs."
        )
    groups = min(kv_memory / mean, setup.max_seqs / load.alive())
    batch = min(groups * load.alive(), float(setup.max_seqs))
    step, bound_by = _step(model, load, setup, batch)
    rate = batch / step
    prefill = 2 * model.active_parameters() * load.prompt / (setup.gpu.flops * setup.gpus)
    searches = 1 / (load.generated() / rate + prefill)
    expected = searches * setup.efficiency
    return Plan(
        weights_gib_per_gpu=weights / GIB,
        kv_gib_per_gpu=kv_memory / GIB,
        kv_bytes_per_token=per_token,
        kv_tokens=kv_tokens,
        groups=max(1, math.floor(groups)),
        groups_at_peak=math.floor(kv_memory / peak),
        batch=batch,
        step_ms=step * 1000,
        bound_by=bound_by,
        tokens_per_s_bound=rate,
        searches_per_s_bound=searches,
        searches_per_s_expected=expected,
        tokens_per_search=load.generated(),
        tokens_saved_by_pruning=1 - load.generated() / (load.samples * load.output),
        seconds_per_search=groups / expected,
    )


def _kv_memory(weights: float, setup: Setup) -> float:
    if setup.kv_memory is not None:
        return setup.kv_memory
    left = setup.gpu.memory * setup.utilization - weights - setup.reserve
    if left <= 0:
        raise InvalidRequest(
            f"The weights need {weights / GIB:.1f} GiB on each of {setup.gpus} GPU(s), which leaves no "
            f"room for KV cache in {setup.gpu.memory / GIB:.0f} GiB: raise --gpus."
        )
    return left


def _group_bytes(model: ModelShape, load: Load, setup: Setup, generated: float) -> float:
    """KV cache of one search: the prompt's full blocks once, each candidate's rest by itself.

    A candidate's last block is half empty on average.
    """
    shared = load.prompt // setup.block * setup.block
    sequences = max(1.0, load.alive())
    own = load.prompt - shared + generated / sequences + setup.block / 2
    together = model.kv_bytes(shared, setup.kv_dtype_bytes, setup.gpus)
    extra = model.kv_bytes(shared + own, setup.kv_dtype_bytes, setup.gpus) - together
    return together + sequences * extra


def _step(model: ModelShape, load: Load, setup: Setup, batch: float) -> tuple[float, str]:
    """Seconds of a decoding step, and what they go into. Every sequence reads its own context."""
    context = load.prompt + load.held() / load.alive()
    read = model.parameters_read(batch) * model.weight_bytes / model.parameters / setup.gpus
    read += batch * model.kv_bytes(context, setup.kv_dtype_bytes, setup.gpus)
    memory = read / setup.gpu.bandwidth
    compute = 2 * model.active_parameters() * batch / (setup.gpu.flops * setup.gpus)
    return (memory, "memory bandwidth") if memory >= compute else (compute, "FLOPs")
