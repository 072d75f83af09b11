"""When to probe, and what pruning saved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from arrol_serve.errors import InvalidRequest

MAX_PROBES = 16


def validate_probes(probes: object) -> tuple[int, ...]:
    """Generated-token counts, strictly increasing and positive; else ``InvalidRequest``."""
    ok = (
        isinstance(probes, list | tuple)
        and 1 <= len(probes) <= MAX_PROBES
        and all(isinstance(p, int) and not isinstance(p, bool) and p > 0 for p in probes)
        and all(a < b for a, b in pairwise(probes))
    )
    if not ok:
        raise InvalidRequest(
            f"arrol.prune.probes must be 1 to {MAX_PROBES} positive token counts in rising order, "
            f"such as [512], got {probes!r}.",
            param="arrol.prune.probes",
        )
    return tuple(probes)  # type: ignore[arg-type]


def saved_estimate(cut: Sequence[int], finished: Sequence[int]) -> int:
    """Tokens that the rollouts of lengths ``cut`` would still have cost, had they run on to the
    mean length of the ``finished`` ones. An estimate: nobody knows how long they would have been.
    """
    if not finished:
        return 0
    mean = sum(finished) / len(finished)
    return round(sum(max(0.0, mean - tokens) for tokens in cut))
