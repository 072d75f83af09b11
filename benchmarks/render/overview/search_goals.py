"""Goals of the search: right as often for fewer tokens, and probabilities that can be believed."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.record import RESULTS, read_result
from benchmarks.render.overview.row import Row, met

CHEAP = {"fast": (16, 0.30), "balanced": (64, 0.10)}
"""Preset -> samples of the uniform vote that it must not be below, and for which share of its tokens."""
AHEAD, ECE, STOPPED = 0.08, 0.05, 0.88
"""Accuracy over the vote of 16 for no more tokens; calibration error; right where it stopped at 0.9."""


def search_goals() -> Iterator[Row]:
    """Presets at two settings, what they say of their answers, and pruning alone."""
    yield from _presets("presets")
    if (RESULTS / "presets_t1.json").exists():
        yield from _presets("presets_t1")
    yield from _beliefs()
    yield from _accuracy()


def _presets(name: str) -> Iterator[Row]:
    result = read_result(name)
    rows = {row["method"]: row for row in result.rows}
    votes = {n: rows[f"{n} samples, uniform vote"] for n in (16, 64)}
    for preset, (samples, share) in CHEAP.items():
        row, vote = rows[preset], votes[samples]
        low, high = row[f"against_{samples}"]["interval"]
        cost = row["tokens"] / vote["tokens"]
        yield (
            f"`{preset}`: right as often as the uniform vote of {samples} for at most {share:.0%} of its "
            f"tokens, {result.settings['setting']}",
            f"{row[f'against_{samples}']['difference']:+.3f} ({low:+.3f} to {high:+.3f}) for {cost:.1%}",
            met([high >= 0 and cost <= share]),
        )
    if (
        name != "presets"
    ):  # at temperature 1 candidates make the same mistakes: no vote gains so much
        return
    best = rows["best"]
    low, high = best["against_16"]["interval"]
    yield (
        f"`best`: {AHEAD:+.2f} over the uniform vote of 16 for no more tokens, {result.settings['setting']}",
        f"{best['against_16']['difference']:+.3f} ({low:+.3f} to {high:+.3f}) for "
        f"{best['tokens_relative']:.0%}",
        met([best["against_16"]["difference"] >= AHEAD and best["tokens_relative"] <= 1]),
    )


def _beliefs() -> Iterator[Row]:
    rows = {row["method"]: row for row in read_result("presets").rows if "ece" in row}
    errors = [row["ece"] for row in rows.values()]
    yield (
        f"what a preset says of its answers is off by {ECE:g} at most (ECE)",
        ", ".join(f"{name} {row['ece']:.3f}" for name, row in rows.items()),
        met([error <= ECE for error in errors], "presets"),
    )
    stopped = rows["stop at 0.9"]["right_where_stopped"]
    yield (
        f"searches that stop at 0.9 are right {STOPPED:g} of the time",
        f"{stopped:.3f}",
        met([stopped >= STOPPED]),
    )


def _accuracy() -> Iterator[Row]:
    for name in ("accuracy", "accuracy_t1"):
        result = read_result(name)
        row = next(row for row in result.rows if row["method"] == "keep 0.5, quality vote")
        low, high = row["difference_interval"]
        yield (
            "keep 0.5 with the quality vote is right as often as all candidates with a uniform vote, "
            f"temperature {result.settings['temperature']:g}",
            f"{row['difference_to_uniform']:+.3f} ({low:+.3f} to {high:+.3f}) at "
            f"{row['tokens_relative']:.0%} of the tokens, {row['speedup']:.2f}x as fast",
            "no loss seen" if low <= 0 <= high else met([low > 0]),
        )
