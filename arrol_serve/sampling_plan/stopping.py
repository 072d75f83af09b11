"""How a search grows and when it may stop: waves, stop rule and what is believed of answers."""

from __future__ import annotations

from arrol_serve.belief import Belief
from arrol_serve.config import ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan.options import ArrolOptions, Scorer, clip
from arrol_serve.sampling_plan.prune import PrunePlan
from arrol_serve.search.course import Waves
from arrol_serve.search.stop import ByAgreement, ByConfidence, StopRule
from arrol_serve.voting import VoteRule

DEFAULT_WAVE = 4
"""Candidates to begin with where a search may stop early."""
DEFAULT_CONFIDENCE = 0.9
DEFAULT_AGREEMENT = 0.95


def belief_of(options: ArrolOptions, scorer: Scorer, config: ServerConfig) -> Belief | None:
    """Raises ``InvalidRequest`` for constants that nothing would use."""
    if scorer == "head":
        return Belief(**options.belief.model_dump()) if options.belief else config.belief
    if options.belief:
        raise InvalidRequest(
            "arrol.belief is about probabilities that only a quality head gives, and this search's scorer "
            f"is {scorer}: leave it out.",
            param="arrol.belief",
        )
    return None


def waves_of(options: ArrolOptions, samples: int, prune: PrunePlan | None) -> Waves:
    """Raises ``InvalidRequest`` for a wave that saves nothing."""
    probe = prune.probes[-1] if prune else None
    given = {"min_samples": options.min_samples, "wave_samples": options.wave_samples}
    if options.early_stop is None:
        for name, value in {**given, "wave_growth": options.wave_growth}.items():
            if value is not None:
                raise InvalidRequest(
                    f'arrol.{name} takes effect together with "early_stop" only: add it.',
                    param=f"arrol.{name}",
                )
        return Waves(samples, samples, samples, probe)
    if samples == 1:
        raise InvalidRequest(
            "arrol.early_stop needs at least 2 samples: with one there is nothing to save.",
            param="arrol.samples",
        )
    for name, value in given.items():
        if value is not None and not 1 <= value < samples:
            raise InvalidRequest(
                f"arrol.{name} must be at least 1 and less than arrol.samples ({samples}), got "
                f"{clip(value)}: with all candidates in one wave nothing is saved.",
                param=f"arrol.{name}",
            )
    first = options.min_samples or min(DEFAULT_WAVE, max(1, samples // 2))
    return Waves(samples, first, options.wave_samples or first, probe, options.wave_growth or 0.0)


def stop_rule_of(options: ArrolOptions, vote: VoteRule, belief: Belief | None) -> StopRule | None:
    """Raises ``InvalidRequest`` for a stop that nothing could decide."""
    stop = options.early_stop
    if stop is None:
        return None
    if stop.confidence is not None and stop.agreement is not None:
        raise InvalidRequest(
            "arrol.early_stop takes confidence or agreement: give one.",
            param="arrol.early_stop.agreement",
        )
    if stop.confidence is not None and belief is None:
        raise InvalidRequest(
            "arrol.early_stop.confidence is a probability that only the scorer head can tell: use "
            '"agreement", or "scorer": "head" on a server that has one.',
            param="arrol.early_stop.confidence",
        )
    if belief is None or stop.agreement is not None:
        return ByAgreement(stop.agreement or DEFAULT_AGREEMENT, vote, belief)
    return ByConfidence(stop.confidence or DEFAULT_CONFIDENCE, vote, belief)
