"""Which survival policy a rollout group is sent to the engine with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.engines.sampling import NEVER
from trainer.sections import PruneSection


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the trainer has learned so far that a survival policy needs."""

    posterior: Sequence[Sequence[float]]
    """Success for each bin of the score, by probe."""
    delta: Sequence[float]
    """By probe, the shift that makes the mean survival there what it should be."""


def keep_per_probe(config: PruneSection) -> float:
    """The share that survives one probe, so that ``keep`` survives all."""
    return float(config.keep ** (1 / len(config.probes)))


def survival_spec(
    config: PruneSection, step: int, knowledge: Knowledge, prompt_mean: float
) -> dict[str, Any]:
    """A policy of ``arrol_serve.pruning`` by name with its parameters."""
    if config.mode == "none" or step < config.cold_start:
        return NEVER
    if config.mode == "random":
        return {"name": "random", "keep": config.keep}
    posterior = [list(table) for table in knowledge.posterior]
    if config.mode == "both_ends":
        return {
            "name": "both_ends",
            "keep": config.keep,
            "lean": config.lean,
            "p_min": config.p_min,
            "p_max": config.p_max,
            "posterior": posterior,
            "prompt_mean": prompt_mean,
        }
    signed = config.mode == "arrol_signed"
    spec: dict[str, Any] = {
        "name": config.mode,
        "kappa": keep_per_probe(config),
        "delta": 0.0 if signed else list(knowledge.delta),  # centred on each group by itself
        "rho": config.rho,
        "lam": config.lam,
        "p_min": config.p_min,
        "p_max": config.p_max,
        "posterior": posterior,
    }
    return spec | ({"prompt_mean": prompt_mean} if signed else {})
