"""Rows of logits on a CPU: the logarithm of each one's normaliser, and its entropy."""

from __future__ import annotations

import math

import numpy as np

from arrol_serve.engine.plugin.compiled import compiled, float_of_bits, maximum

ZERO, HALF = np.float32(0), np.float32(0.5)
LEAST = np.float32(-87)
"""What is less than the greatest logit by more counts for nothing, masked tokens among it."""
LOG2_E, LN_2 = np.float32(1 / math.log(2)), np.float32(math.log(2))
BIAS, MANTISSA = np.int32(127), np.int32(23)
"""Of a float32's exponent, and the bits behind it."""


def _polynomial(degree: int) -> list[np.float32]:
    """Coefficients of exp between -ln(2)/2 and ln(2)/2, lowest first, fitted to the least relative error."""
    nodes = np.cos(np.pi * (np.arange(1000) + 0.5) / 1000) * math.log(2) / 2
    fit = np.polynomial.Chebyshev.fit(nodes, np.exp(nodes), degree, w=np.exp(-nodes))
    return [np.float32(c) for c in fit.convert(kind=np.polynomial.Polynomial).coef]


A, B, C, D, E, F, G = _polynomial(6)


@compiled("f4(f4)", fastmath={"contract", "nnan", "nsz"})
def _exp(x):
    """Of ``LEAST`` to 0, to 3e-7 of it; unlike the library's it can be vectorised."""
    power = np.int32(x * LOG2_E - HALF)
    rest = x - np.float32(power) * LN_2
    fraction = A + rest * (B + rest * (C + rest * (D + rest * (E + rest * (F + rest * G)))))
    return fraction * float_of_bits(np.int32((power + BIAS) << MANTISSA))


@compiled("f4(f4[::1])", fastmath={"reassoc", "nnan", "nsz"})
def _greatest(row):
    found = row[0]
    for j in range(len(row)):
        found = maximum(found, row[j])
    return found


@compiled(
    "void(f4[:,::1], f4[:,::1])",
    fastmath={"reassoc", "contract", "nnan", "nsz"},  # sums may be added up in any order
)
def read(logits, distribution):
    """Of ``logits`` [L, V] into ``distribution`` [2, L]."""
    for i in range(len(logits)):
        row = logits[i]
        greatest, total, mean = _greatest(row), ZERO, ZERO
        for j in range(len(row)):
            x = maximum(row[j] - greatest, LEAST)
            share = _exp(x)
            total += share
            mean += share * x
        log_total = np.log(total)
        distribution[0, i] = greatest + log_total
        distribution[1, i] = log_total - mean / total
