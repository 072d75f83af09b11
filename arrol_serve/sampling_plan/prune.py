"""Which candidates a search ends early: the ``prune`` object, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arrol_serve.config import ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.pruning.registry import policy_from_spec
from arrol_serve.pruning.schedule import validate_probes
from arrol_serve.sampling_plan.options import PruneOptions, Scorer, clip

DEFAULT_KEEP = 0.5
CALIBRATED = ("threshold", "arrol", "arrol_signed")
"""Survival policies that read the score as a calibrated logit, which only a head gives."""

FOR_TRAINING = ("both_ends",)
"""Survival policies that keep weak candidates on purpose."""

KEEPS_A_SHARE = ("top_fraction", "successive_halving", "random")
"""Survival policies under which ``keep`` says exactly how many live."""


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """``policy`` is a checked spec for ``pruning.survival.policy_from_spec``."""

    policy: Mapping[str, Any]
    probes: tuple[int, ...]
    """Generated-token counts, rising."""
    min_survivors: int


def prune_plan(
    options: PruneOptions | None, samples: int, scorer: Scorer, config: ServerConfig
) -> PrunePlan | None:
    """Raises ``InvalidRequest`` for what could not take effect."""
    if options is None:
        return None
    spec = _policy_spec(options)
    if scorer == "none":
        if spec["name"] == "never":
            return None
        raise InvalidRequest(
            'With "scorer": "none" nothing is pruned: set "prune": null, or leave the scorer out.',
            param="arrol.prune",
        )
    if spec["name"] in CALIBRATED and scorer != "head":
        raise InvalidRequest(
            f"Survival policy {spec['name']} reads calibrated probabilities, which only a quality "
            'head gives: use "keep" with policy top_fraction, or a server with a head.',
            param="arrol.prune.policy",
        )
    if spec["name"] == "confidence_floor" and scorer != "confidence":
        raise InvalidRequest(
            'Survival policy confidence_floor reads confidences: add "scorer": "confidence".',
            param="arrol.prune.policy",
        )
    if spec["name"] != "never":
        _check_effect(options, spec, samples)
    probes = validate_probes(options.probes if options.probes is not None else config.probes)
    return PrunePlan(spec, probes, options.min_survivors or 1)


def _check_effect(options: PruneOptions, spec: Mapping[str, Any], samples: int) -> None:
    """Refuse what could prune no candidate, whatever their scores."""
    if samples == 1:
        raise InvalidRequest(
            "arrol.prune has nothing to choose from with arrol.samples 1: ask for more samples, or "
            'set "prune": null.',
            param="arrol.prune",
        )
    if options.min_survivors is not None and options.min_survivors >= samples:
        raise InvalidRequest(
            "arrol.prune.min_survivors must be between 1 and one less than arrol.samples "
            f"({samples}), got {clip(options.min_survivors)}: nobody could be pruned.",
            param="arrol.prune.min_survivors",
        )
    keep = spec.get("keep") if spec["name"] in KEEPS_A_SHARE else None
    if keep is not None and math.ceil(samples * keep - 1e-9) >= samples:
        raise InvalidRequest(
            f"arrol.prune.keep {keep:g} of {samples} candidates prunes nobody: ask for at most "
            f'{(samples - 1) / samples:.4g}, or set "prune": null.',
            param="arrol.prune.keep",
        )


def _policy_spec(options: PruneOptions) -> dict[str, Any]:
    """The policy with its parameters; ``policy_from_spec`` refuses those it would ignore."""
    default = "top_fraction" if options.threshold is None else "threshold"
    name = default if options.policy is None else options.policy
    given = {"keep": options.keep, "threshold": options.threshold}
    spec = {"name": name, **{key: value for key, value in given.items() if value is not None}}
    if name in ("top_fraction", "random"):
        spec.setdefault("keep", DEFAULT_KEEP)
    policy_from_spec(spec)
    if name in FOR_TRAINING:
        raise InvalidRequest(
            f"Survival policy {name} keeps weak candidates on purpose, so that training sees right and "
            "wrong ones; a vote would only pay for them: use top_fraction.",
            param="arrol.prune.policy",
        )
    return spec
