"""The scoring of a step as Triton kernels: a launch each where tensor operations would take dozens.

Numbers that change from step to step are not specialised on: that would compile anew while requests wait.

Formulas and columns are those of ``quality.statistics.RunningStatistics``.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def enter(coming, table, sums, sizes):
    """Make the slots of those who come what they are for a first token; ``coming`` [M, 2] slot and window."""
    i = tl.program_id(0)
    slot = tl.load(coming + 2 * i)
    tl.store(table + slot * 8 + tl.arange(0, 8), tl.zeros((8,), tl.float32))
    tl.store(sums + slot, 0.0)
    tl.store(sizes + slot, tl.load(coming + 2 * i + 1))


@triton.jit(do_not_specialize=["last_row"])
def join(
    states,
    rows,
    starts,
    features,
    mean,
    std,
    joined,
    last_row,
    states_stride,
    hidden,
    statistics,
    size,
    gathered: tl.constexpr,
    width: tl.constexpr,
    block: tl.constexpr,
):
    """The head's standardised inputs [S * W, size]: ``hidden`` columns of the states, then statistics."""
    place = tl.program_id(0)
    at = tl.program_id(1) * block + tl.arange(0, block)
    row = tl.minimum(tl.load(starts + place // width) + place % width, last_row)
    source = tl.load(rows + row) if gathered else row
    state = tl.load(states + source * states_stride + at, mask=at < hidden, other=0.0)
    column = at - hidden
    is_statistic = (column >= 0) & (column < statistics)
    statistic = tl.load(features + place * 9 + column, mask=is_statistic, other=0.0)
    x = tl.where(at < hidden, state.to(tl.float32), statistic)
    inside = at < size
    x = (x - tl.load(mean + at, mask=inside, other=0.0)) / tl.load(std + at, mask=inside, other=1.0)
    x = tl.minimum(tl.maximum(x, -10.0), 10.0)
    tl.store(joined + place * size + at, x, mask=inside)


@triton.jit
def finish(
    inner,
    weight,
    bias,
    scale,
    shift,
    final_scale,
    final_shift,
    confidence,
    values,
    units,
    confident: tl.constexpr,
    block: tl.constexpr,
):
    """ReLU, the last layer and both calibrations: [S * W, units] to [S * W, 3]."""
    place = tl.program_id(0)
    at = tl.arange(0, block)
    x = tl.load(inner + place * units + at, mask=at < units, other=0.0)
    w = tl.load(weight + at, mask=at < units, other=0.0)
    raw = tl.sum(tl.maximum(x, 0.0) * w, axis=0) + tl.load(bias)
    out = values + place * 3
    tl.store(out, tl.load(scale) * raw + tl.load(shift))
    if confident:
        tl.store(out + 1, tl.load(confidence + place))
    tl.store(out + 2, tl.load(final_scale) * raw + tl.load(final_shift))


@triton.jit
def distribution(
    logits,
    rows,
    normaliser,
    entropy,
    vocabulary,
    stride,
    gathered: tl.constexpr,
    block: tl.constexpr,
):
    """The log of the sum of exponentials and the entropy of each row, in one pass over [L, V]."""
    place = tl.program_id(0)
    row = tl.load(rows + place) if gathered else place.to(tl.int64)
    highest = tl.full((), -1.0e30, tl.float32)
    total = tl.zeros((), tl.float32)
    product = tl.zeros((), tl.float32)  # of exponential and logit, below the highest
    for first in range(0, vocabulary, block):
        at = first + tl.arange(0, block)
        x = tl.load(logits + row * stride + at, mask=at < vocabulary, other=-1.0e30).to(tl.float32)
        x = tl.maximum(x, -1.0e30)
        now = tl.maximum(highest, tl.max(x, axis=0))
        fall = tl.maximum(highest - now, -1.0e4)
        scale = tl.exp(fall)
        below = tl.maximum(x - now, -1.0e4)
        power = tl.exp(below)
        product = (product + total * fall) * scale + tl.sum(power * below, axis=0)
        total = total * scale + tl.sum(power, axis=0)
        highest = now
    tl.store(normaliser + place, highest + tl.log(total))
    tl.store(entropy + place, tl.log(total) - product / total)


@triton.jit(do_not_specialize=["last_row"])
def fold(  # noqa: PLR0915  # one state in registers from load to store
    table,
    window,
    sums,
    sizes,
    slots,
    lines,
    starts,
    rows,
    sampled,
    logits,
    normaliser,
    entropy,
    top,
    features,
    confidence,
    last_row,
    sampled_stride,
    logits_stride,
    gathered: tl.constexpr,
    width: tl.constexpr,
    capacity: tl.constexpr,
    tops: tl.constexpr,
    top_block: tl.constexpr,
    lowest: tl.constexpr,
    keep: tl.constexpr,
):
    """A request's new tokens into its statistics.

    In, by slot: ``table`` [slots, 8], ``window`` [slots, capacity] of token confidences with their ``sums``
    and ``sizes``; by request its slot, its line in ``sampled`` [R, width] (-1: no token) and its first row;
    by row ``logits`` [L, V], the ``normaliser`` and ``entropy`` of ``distribution`` and, for the confidence,
    ``top`` [L, tops], the highest logits. Out: ``features`` [S, width, 9], ``confidence`` [S, width].
    """
    i = tl.program_id(0)
    slot = tl.load(slots + i)
    line = tl.load(lines + i)
    start = tl.load(starts + i)
    size = tl.load(sizes + slot)
    own = table + slot * 8
    count = tl.load(own)
    total = tl.load(own + 1)
    entropies = tl.load(own + 2)
    negative_min = tl.load(own + 3)
    entropy_max = tl.load(own + 4)
    recent = tl.load(own + 5)
    last = tl.load(own + 6)
    entropy_last = tl.load(own + 7)
    confident = tl.load(sums + slot)
    for j in range(width):
        token = tl.load(sampled + line * sampled_stride + j).to(tl.int64)
        new = token >= 0
        row = tl.minimum(start + j, last_row)  # where there is no token, anything that can be read
        source = tl.load(rows + row) if gathered else row
        normal = tl.load(normaliser + row)
        logit = tl.load(logits + source * logits_stride + tl.maximum(token, 0)).to(tl.float32)
        logprob = tl.maximum(logit - normal, lowest)
        spread = tl.load(entropy + row)
        moved = tl.where(count == 0.0, logprob, recent + keep * (logprob - recent))
        if tops > 0:
            at = tl.arange(0, top_block)
            high = tl.load(top + row * tops + at, mask=at < tops, other=0.0).to(tl.float32)
            surprise = tl.where(at < tops, tl.minimum(normal - high, 100.0), 0.0)
            signal = tl.sum(surprise, axis=0) / tops
            length = count.to(tl.int64)
            oldest = tl.load(window + slot * capacity + (length + capacity - size) % capacity)
            leaving = tl.where(length >= size, oldest, 0.0)
            confident = tl.where(new, confident + signal - leaving, confident)
            here = window + slot * capacity + length % capacity
            tl.store(here, tl.where(new, signal, tl.load(here)))
            seen = tl.maximum(tl.minimum(length + new.to(tl.int64), size), 1).to(tl.float32)
            tl.store(confidence + i * width + j, confident / seen)
        count = tl.where(new, count + 1.0, count)
        total = tl.where(new, total + logprob, total)
        entropies = tl.where(new, entropies + spread, entropies)
        negative_min = tl.where(new, tl.maximum(negative_min, -logprob), negative_min)
        entropy_max = tl.where(new, tl.maximum(entropy_max, spread), entropy_max)
        recent = tl.where(new, moved, recent)
        last = tl.where(new, logprob, last)
        entropy_last = tl.where(new, spread, entropy_last)
        tokens = tl.maximum(count, 1.0)
        out = features + (i * width + j) * 9
        tl.store(out, total)
        tl.store(out + 1, total / tokens)
        tl.store(out + 2, -negative_min)
        tl.store(out + 3, recent)
        tl.store(out + 4, last)
        tl.store(out + 5, entropies / tokens)
        tl.store(out + 6, entropy_max)
        tl.store(out + 7, entropy_last)
        tl.store(out + 8, tl.log(count + 1.0))
    tl.store(own, count)
    tl.store(own + 1, total)
    tl.store(own + 2, entropies)
    tl.store(own + 3, negative_min)
    tl.store(own + 4, entropy_max)
    tl.store(own + 5, recent)
    tl.store(own + 6, last)
    tl.store(own + 7, entropy_last)
    tl.store(sums + slot, confident)
