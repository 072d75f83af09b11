"""A step's arithmetic on a CPU in one compiled call: beside a small model's step it is calls that cost.

``RunningStatistics`` and DeepConf's window (arXiv 2508.15260) row by row, so that a request's numbers do not
depend on who else is there.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, types

from arrol_serve.engine.plugin.compiled import compiled
from arrol_serve.engine.plugin.scoring.ends import STOPS
from arrol_serve.engine.plugin.scoring.fold import LOWEST_TOP
from arrol_serve.quality.head import FARTHEST as _FARTHEST
from arrol_serve.quality.statistics import DECAY, LOWEST

ZERO, UNKNOWN = np.float32(0), np.float32(np.nan)
FARTHEST = np.float32(_FARTHEST)
FRESH = np.float32(1 - DECAY)
LOWEST_LOGPROB = np.float32(LOWEST)
LOWEST_SIGNAL = np.float32(LOWEST_TOP)
FLOATS = types.float32[:, ::1]

SUMS = ("sum", "entropy_sum", "least", "entropy_max", "recent", "last", "entropy_last")
SLOT = np.dtype(
    [
        *((name, np.float32) for name in SUMS),
        ("stops", np.int32, (STOPS,)),
        ("window", np.int64),
        ("length", np.int64),
        ("due", np.int64),
    ],
    align=True,
)
"""A request: its tokens' log-probabilities and entropies, its stop tokens with -1 behind the last, how many
tokens its confidence is the mean of, how many it has, and from which one on all may be asked for.
"""
RECORD = from_dtype(SLOT)


@compiled("f4(f4[::1], f4)")
def _confidence(top, normaliser):
    total = ZERO
    for value in top:
        total += max(value - normaliser, LOWEST_SIGNAL)
    return -total / np.float32(len(top))


@compiled("f4(f4[::1], i8, i8, f4)")
def _windowed(window, size, length, signal):
    """The mean of the last ``size`` signals, this one included; behind the ring is their sum."""
    ring = len(window) - 1
    oldest = window[(length - size) % ring] if length >= size else ZERO
    window[length % ring] = signal
    window[ring] += signal - oldest
    return window[ring] / np.float32(min(length + 1, size))


@compiled(types.void(RECORD, types.float32, types.float32))
def _add(slot, logprob, entropy):
    """One more token."""
    first = slot.length == 0
    slot.length += 1
    slot.sum += logprob
    slot.entropy_sum += entropy
    slot.least = min(slot.least, logprob)
    slot.entropy_max = max(slot.entropy_max, entropy)
    slot.recent = logprob if first else slot.recent + FRESH * (logprob - slot.recent)
    slot.last = logprob
    slot.entropy_last = entropy


@compiled(types.void(RECORD, types.float32[::1]))
def _features(slot, out):
    """In the order of ``STATISTICS``."""
    count = np.float32(slot.length)
    out[0] = slot.sum
    out[1] = slot.sum / count
    out[2] = slot.least
    out[3] = slot.recent
    out[4] = slot.last
    out[5] = slot.entropy_sum / count
    out[6] = slot.entropy_max
    out[7] = slot.entropy_last
    out[8] = np.log1p(count)


@compiled(types.boolean(RECORD, types.int32))
def _may_end(slot, token):
    """Whether a score may be asked for after its latest token."""
    if slot.length >= slot.due:
        return True
    for stop in slot.stops:  # noqa: SIM110  # numba's language
        if stop == token:
            return True
    return False


@compiled(
    types.int64(
        *(RECORD[::1], FLOATS, FLOATS, FLOATS, FLOATS),
        *(types.int64[:, ::1], types.int32[:, :], types.int64[:, ::1], FLOATS),
    )
)
def note(slots, windows, logits, distribution, top, places, sampled, asked, figures):
    """Add a step's tokens, and say of which of them, M, a score may be asked for; returns M.

    By slot: ``slots``, ``windows`` of confidence. By row: ``logits`` [L, V], ``distribution`` [2, L] as
    ``host_entropy.read`` makes it of them, the greatest (``top`` [L, k], k is 0 where nobody asks for
    confidence). By request: ``places`` [3, S] of ``Places``; ``sampled`` [R, W], -1 where none is. Out:
    ``asked`` [M, 5] request, place among its new tokens, how many these are, its length with this one, row;
    ``figures`` [M, len(STATISTICS) + 3] head inputs and what is scored of it: confidence, and room for the
    head's logits.
    """
    found = 0
    for s in range(places.shape[1]):
        slot, line, new = slots[places[0, s]], places[1, s], 0
        while new < sampled.shape[1] and 0 <= sampled[line, new] < logits.shape[1]:
            new += 1
        for place in range(new):
            token, at = sampled[line, place], min(places[2, s] + place, len(logits) - 1)
            normaliser = distribution[0, at]
            logprob = max(logits[at, token] - normaliser, LOWEST_LOGPROB)
            _add(slot, logprob, distribution[1, at])
            confidence = UNKNOWN
            if top.shape[1] > 0:
                signal = _confidence(top[at], normaliser)
                confidence = _windowed(windows[places[0, s]], slot.window, slot.length - 1, signal)
            if not _may_end(slot, token):
                continue
            asked[found, 0], asked[found, 1], asked[found, 2] = s, place, new
            asked[found, 3], asked[found, 4] = slot.length, at
            _features(slot, figures[found])
            figures[found, -3], figures[found, -2], figures[found, -1] = (
                UNKNOWN,
                confidence,
                UNKNOWN,
            )
            found += 1
    return found


@compiled("f4(f4[::1], f4[::1])", fastmath={"reassoc", "nsz", "contract"})
def _product(weights, inputs):
    total = ZERO
    for j in range(len(inputs)):
        total += weights[j] * inputs[j]
    return total


@compiled(
    "void(i8[::1], i8[:], f4[:,::1], f4[:,:], b1, f4[::1], f4[::1],"
    "f4[:,::1], f4[::1], f4[::1], f4, f4[::1], f4[:,:])"
)
def judge(
    mine,
    rows,
    states,
    statistics,
    by_states,
    mean,
    std,
    first,
    first_bias,
    last,
    last_bias,
    calibration,
    values,
):
    """``QualityHead`` of ``mine`` of M tokens: logits at a probe and at a last token into ``values`` [M, 3].

    ``rows`` [M] of theirs in ``states`` [L, D], ``statistics`` [M, K], each an input of the head or not; its
    weights ``first`` [H, I] and ``last`` [H]; ``calibration`` [4] scale and shift, and those of a last token.
    """
    inputs = np.empty(len(mean), np.float32)
    for i in mine:
        size = states.shape[1] if by_states else 0
        for j in range(len(mean)):
            value = states[rows[i], j] if j < size else statistics[i, j - size]
            inputs[j] = min(max((value - mean[j]) / std[j], -FARTHEST), FARTHEST)
        raw = last_bias
        for h in range(len(last)):
            raw += last[h] * max(_product(first[h], inputs) + first_bias[h], ZERO)
        values[i, 0] = calibration[0] * raw + calibration[1]
        values[i, 2] = calibration[2] * raw + calibration[3]
