"""A step's arithmetic on a CPU in one compiled call: beside a small model's step it is calls that cost.

``RunningStatistics`` and DeepConf's window (arXiv 2508.15260) row by row, so that a request's numbers do not
depend on who else is there.
"""

from __future__ import annotations

import math

import numpy as np

from arrol_serve.engine.plugin.compiled import compiled
from arrol_serve.engine.plugin.scoring.fold import LOWEST_TOP
from arrol_serve.quality import statistics as columns
from arrol_serve.quality.head import FARTHEST as _FARTHEST
from arrol_serve.quality.statistics import DECAY, LOWEST

COUNT, SUM, ENTROPY_SUM = columns.COUNT, columns.SUM, columns.ENTROPY_SUM
NEGATIVE_MIN, ENTROPY_MAX = columns.NEGATIVE_MIN, columns.ENTROPY_MAX
RECENT, LAST, ENTROPY_LAST = columns.RECENT, columns.LAST, columns.ENTROPY_LAST
ZERO, ONE, UNKNOWN = np.float32(0), np.float32(1), np.float32(np.nan)
FARTHEST = np.float32(_FARTHEST)
FRESH = np.float32(1 - DECAY)
SMALLEST = np.float32(math.exp(LOWEST))
LOWEST_SIGNAL = np.float32(LOWEST_TOP)


@compiled("f4(f4[::1], f4[::1])", fastmath={"reassoc", "nsz", "contract"})
def _mean(shares, logits):
    """Vectorised, which needs the leave to add in any order."""
    mean = ZERO
    for j in range(len(logits)):  # masked tokens: 0 * -inf is not 0
        mean += shares[j] * logits[j] if shares[j] > ZERO else ZERO
    return mean


@compiled("f4(f4[::1], f4[::1], i8)")
def _normaliser(shares, logits, token):
    """The logarithm of the sum of exponentials, from a token that is not too rare to tell it."""
    if shares[token] < SMALLEST:
        for j in range(len(shares)):
            token = j if shares[j] > shares[token] else token
    return logits[token] - np.log(shares[token])


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


@compiled("void(f4[::1], f4, f4)")
def _add(row, logprob, entropy):
    """One more token."""
    first = row[COUNT] == ZERO
    row[COUNT] += ONE
    row[SUM] += logprob
    row[ENTROPY_SUM] += entropy
    row[NEGATIVE_MIN] = max(row[NEGATIVE_MIN], -logprob)
    row[ENTROPY_MAX] = max(row[ENTROPY_MAX], entropy)
    row[RECENT] = logprob if first else row[RECENT] + FRESH * (logprob - row[RECENT])
    row[LAST] = logprob
    row[ENTROPY_LAST] = entropy


@compiled("void(f4[::1], f4[::1])")
def _features(row, out):
    """In the order of ``STATISTICS``."""
    out[0] = row[SUM]
    out[1] = row[SUM] / row[COUNT]
    out[2] = -row[NEGATIVE_MIN]
    out[3] = row[RECENT]
    out[4] = row[LAST]
    out[5] = row[ENTROPY_SUM] / row[COUNT]
    out[6] = row[ENTROPY_MAX]
    out[7] = row[ENTROPY_LAST]
    out[8] = np.log1p(row[COUNT])


@compiled("b1(i4[::1], i4)")
def _holds(stops, token):
    for stop in stops:  # noqa: SIM110  # numba's language
        if stop == token:
            return True
    return False


@compiled(
    "i8(f4[:,::1], f4[:,::1], i8[::1], i8[::1], i8[::1], i4[:,::1],"
    "f4[:,::1], f4[:,::1], f4[::1], f4[:,::1], i8[::1], i8[::1], i8[::1], i4[:,:], i8[:,::1], f4[:,::1])"
)
def note(
    table,
    windows,
    sizes,
    lengths,
    due,
    stops,
    logits,
    shares,
    means,
    top,
    slots,
    starts,
    lines,
    sampled,
    asked,
    figures,
):
    """Add a step's tokens, and say of which of them, M, a score may be asked for; returns M.

    By slot: ``table``, ``windows`` of confidence and their ``sizes``, ``lengths``, the length from which on
    all are asked for (``due``), ``stops`` with -1 behind the last. By row: ``logits`` [L, V], their softmax
    (``shares``), the sums of these times those (``means``; empty: they are made here), the greatest logits
    (``top`` [L, k], k is 0 where nobody asks for confidence). By request: ``slots``, its first of the rows
    (``starts``), ``lines`` in ``sampled`` [R, W], -1 where no token is. Out: ``asked`` [M, 5] request, place
    among its new tokens, how many these are, its length with this one, row; ``figures``
    [M, len(STATISTICS) + 3] head inputs and what is scored of it: confidence, and room for the head's logits.
    """
    found = 0
    for s in range(len(slots)):
        slot, line, new = slots[s], lines[s], 0
        while new < sampled.shape[1] and 0 <= sampled[line, new] < logits.shape[1]:
            new += 1
        for place in range(new):
            token, at = sampled[line, place], min(starts[s] + place, len(logits) - 1)
            normaliser = _normaliser(shares[at], logits[at], token)
            logprob = np.log(max(shares[at, token], SMALLEST))
            mean = means[at] if len(means) else UNKNOWN
            if np.isnan(mean):
                mean = _mean(shares[at], logits[at])
            _add(table[slot], logprob, normaliser - mean)
            confidence = UNKNOWN
            if top.shape[1] > 0:
                signal = _confidence(top[at], normaliser)
                confidence = _windowed(windows[slot], sizes[slot], lengths[slot], signal)
            lengths[slot] += 1
            if lengths[slot] < due[slot] and not _holds(stops[slot], token):
                continue
            asked[found, 0], asked[found, 1], asked[found, 2] = s, place, new
            asked[found, 3], asked[found, 4] = lengths[slot], at
            _features(table[slot], figures[found])
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
