"""Generated multi-step arithmetic: chat questions, worked traces with self-checks, gold answers.

A trace works the products first, then sums from left to right, one step a line. Each line ends
in ``ok`` or ``??``: some training traces hold an injected slip, whose line ends in ``??`` and whose
later lines go on from the wrong value. The slipped digits carry no loss, so the model learns to
notice slips rather than to make them; that is the signal a quality head reads.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

OK, DOUBT = " ok\n", " ??\n"

PHRASINGS = (
    "What is {e}?",
    "What is {e}?",
    "What is {e}?",
    "Compute {e}.",
    "Calculate {e}.",
    "How much is {e}?",
    "Please work out {e}.",
    "Evaluate {e}.",
    "{e} = ?",
    "{e}",
)
BOXED_REQUESTS = ("", "", "", " Put the final answer in \\boxed{}.", " Answer in \\boxed{}.")
PLAIN_REQUEST = ' End with "The answer is X".'

CORE_LEVELS = {1: 0.1, 2: 0.15, 3: 0.25, 4: 0.2, 5: 0.3}
"""Difficulty -> share of the training questions. 1: two or three small steps; 2: a product and two
sums; 3 and 4: a product of two-digit numbers and three or four sums; 5: three digits by two."""
ALL_LEVELS = {1: 0.06, 2: 0.08, 3: 0.08, 4: 0.08, 5: 0.15, 6: 0.3, 7: 0.25}
"""With the levels that a model of this size does not master: 6: a four-digit number by a two-digit
one and four sums; 7: three digits by three and four sums."""
FACTORS = {5: (112, 999, 12, 99), 6: (1_112, 9_999, 12, 99), 7: (112, 999, 112, 999)}
"""Level -> ranges of the product's two factors, where they are not both 12 to 99."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One question. ``terms`` are ``(sign, factors)`` in reading order."""

    terms: tuple[tuple[int, tuple[int, ...]], ...]
    level: int

    @property
    def expression(self) -> str:
        parts = []
        for i, (sign, factors) in enumerate(self.terms):
            op = "-" if sign < 0 else "+" if i else ""
            parts.append(op + "*".join(map(str, factors)))
        return "".join(parts)

    @property
    def answer(self) -> int:
        total = 0
        for sign, factors in self.terms:
            value = 1
            for f in factors:
                value *= f
            total += sign * value
        return total


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a trace; ``learn`` says whether its tokens carry loss."""

    text: str
    learn: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """One training chat: the user's question and the assistant's trace as spans."""

    question: str
    trace: tuple[Span, ...]
    problem: Problem


def is_held_out(problem: Problem) -> bool:
    """One question in ten is never trained on. By hash of the expression, so no seed can leak it."""
    digest = hashlib.blake2b(problem.expression.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % 10 == 0


def sample_problem(rng: random.Random, level: int) -> Problem:
    """Draw a problem whose running value never goes below zero."""
    while True:
        problem = Problem(_draw_terms(rng, level), level)
        if _never_negative(problem):
            return problem


def _draw_terms(rng: random.Random, level: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    def number() -> tuple[int, ...]:
        return (rng.randint(2, 99),)

    if level == 1:
        first = (rng.randint(11, 99), rng.randint(2, 9)) if rng.random() < 0.6 else number()
        terms = [first, number()]
        if len(first) == 1 and rng.random() < 0.7:
            terms.append(number())
    elif level == 2:
        factors = (
            rng.randint(11, 99),
            rng.randint(2, 9) if rng.random() < 0.6 else rng.randint(12, 99),
        )
        terms = [factors, number(), number()]
    else:
        low, high, low_by, high_by = FACTORS.get(level, (12, 99, 12, 99))
        factors = (rng.randint(low, high), rng.randint(low_by, high_by))
        terms = [factors] + [number() for _ in range(3 if level in (3, 5) else 4)]
    if rng.random() < 0.3:
        rng.shuffle(terms)
    return tuple((1 if i == 0 or rng.random() < 0.5 else -1, t) for i, t in enumerate(terms))


def _never_negative(problem: Problem) -> bool:
    value = 0
    for sign, factors in problem.terms:
        product = 1
        for f in factors:
            product *= f
        value += sign * product
        if value < 0:
            return False
    return True


def phrase(rng: random.Random, problem: Problem) -> tuple[str, bool]:
    """A question in plain English, and whether it asks for a plain ``The answer is X`` ending."""
    expression = problem.expression
    if rng.random() < 0.3:
        for op in "+-*":
            expression = expression.replace(op, f" {op} ")
    plain = rng.random() < 0.15
    request = PLAIN_REQUEST if plain else rng.choice(BOXED_REQUESTS)
    return rng.choice(PHRASINGS).format(e=expression) + request, plain


def _slip(rng: random.Random, value: int) -> int:
    """A wrong value of the kind a model writes: a carry lost, a digit off, two digits swapped."""
    if value < 0:
        return -_slip(rng, -value)
    digits = list(str(value))
    kind = rng.random()
    if kind < 0.45:
        wrong = value + rng.choice((-1, 1)) * 10 ** rng.randint(0, max(0, len(digits) - 1))
    elif kind < 0.85 or len(digits) < 2:
        i = rng.randrange(len(digits))
        digits[i] = str(rng.randint(1 if i == 0 and len(digits) > 1 else 0, 9))
        wrong = int("".join(digits))
    else:
        i = rng.randrange(len(digits) - 1)
        digits[i], digits[i + 1] = digits[i + 1], digits[i]
        wrong = int("".join(digits))
    return wrong if wrong >= 0 and wrong != value else value + 1


class _TraceWriter:
    """Writes the lines of one trace, slipping with probability ``slip_rate`` at each value."""

    def __init__(self, rng: random.Random, slip_rate: float) -> None:
        self.rng, self.slip_rate = rng, slip_rate
        self.spans: list[Span] = []
        self.slipped_here = self.doubtful = False

    def write(self, text: str) -> None:
        self.spans.append(Span(text))

    def value(self, value: int) -> int:
        """Write a computed value, or a slip of it that carries no loss; return what was written."""
        if self.rng.random() >= self.slip_rate:
            self.write(str(value))
            return value
        wrong = _slip(self.rng, value)
        self.spans.append(Span(str(wrong), learn=False))
        self.slipped_here = True
        return wrong

    def end_line(self) -> None:
        self.write(DOUBT if self.slipped_here else OK)
        self.doubtful |= self.slipped_here
        self.slipped_here = False

    def product(self, a: int, b: int) -> int:
        self.write(f"{a}*{b}=")
        digits = [
            int(d) * 10**place
            for place, d in zip(range(len(str(b)) - 1, -1, -1), str(b), strict=True)
        ]
        parts = [part for part in digits if part]
        if len(parts) > 1:
            written = []
            for at, part in enumerate(parts):
                self.write("+" if at else "")
                written.append(self.value(a * part))
            self.write("=")
            result = self.value(sum(written))
        else:
            result = self.value(a * b)
        self.end_line()
        return result

    def sum(self, a: int, sign: int, b: int) -> int:
        self.write(f"{a}{'+' if sign > 0 else '-'}{b}=")
        result = self.value(a + sign * b)
        self.end_line()
        return result


def write_trace(
    rng: random.Random, problem: Problem, plain: bool, slip_rate: float
) -> tuple[Span, ...]:
    """The worked trace. ``slip_rate`` is the chance of a slip at each computed value."""
    writer = _TraceWriter(rng, slip_rate)
    terms = []
    for sign, factors in problem.terms:
        value = writer.product(*factors) if len(factors) == 2 else factors[0]
        terms.append((sign, value))
    total = terms[0][1]
    for sign, value in terms[1:]:
        total = writer.sum(total, sign, value)
        if total < 0:  # a slip went below zero: the model has never to read signs, stop adding
            break
    writer.write("Unsure. " if writer.doubtful else "Checked. ")
    writer.write(f"The answer is {total}." if plain else f"The answer is \\boxed{{{total}}}.")
    return tuple(writer.spans)


def training_examples(
    seed: int, mix: Mapping[int, float] = CORE_LEVELS, slips: float = 0.5
) -> Iterator[Example]:
    """An endless seeded stream of training chats; a share ``slips`` of the traces may slip."""
    rng = random.Random(seed)
    levels, shares = list(mix), list(mix.values())
    while True:
        problem = sample_problem(rng, rng.choices(levels, shares)[0])
        if is_held_out(problem):
            continue
        question, plain = phrase(rng, problem)
        slip_rate = rng.choice((0.06, 0.15, 0.3)) if rng.random() < slips else 0.0
        yield Example(question, write_trace(rng, problem, plain, slip_rate), problem)


EVALUATION_SEED = 20_260_000
"""Seed of the questions that evaluations ask. A head is fitted on others, without any of these."""


def held_out_questions(seed: int, count: int, level: int) -> list[tuple[str, str]]:
    """``count`` distinct held-out ``(question, answer)`` pairs of one level, in a plain phrasing."""
    rng = random.Random(seed)
    seen: dict[str, str] = {}
    while len(seen) < count:
        problem = sample_problem(rng, level)
        if is_held_out(problem):
            seen.setdefault(f"What is {problem.expression}?", str(problem.answer))
    return list(seen.items())
