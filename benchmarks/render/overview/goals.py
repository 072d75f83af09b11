"""The first screen of docs/benchmarks.md: every goal, what was measured, and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from benchmarks.record import read_result
from benchmarks.render.overview.row import Row, met
from benchmarks.render.overview.search_goals import search_goals
from benchmarks.render.training import interval
from benchmarks.render.trl import with_range
from benchmarks.render.unpruned import relative

GOODPUT, PEERS, SCORING, P50_MS, P99_MS, WAITING_KIB, TRL = 2.5, 4.0, 0.02, 5.0, 20.0, 100, 2.5
"""The goals: times vLLM's and the peers' goodput, share of tokens a second, milliseconds, KiB, times TRL."""
WATCHED, UNPRUNED = 0.01, 0.03
"""Shares: of the tokens a second, of the seconds."""
SPEED, BEHIND, TIME_TO, GOAL = 2.0, 0.012, 0.6, "0.5"
"""Of pruned training: times as fast, pass@1, share of the seconds to that pass@1."""
UNPRUNED_ARM = "none, tuned"
PRUNED = ("arrol, tuned", "fast")
PEER_NAMES = ("its-hub", "optillm")
OURS = "arrol-serve, fast"


def goals() -> str:
    lines = ["| goal | measured | met |", "|---|---|---|"]
    costs = (_scoring(), _watching(), *_unpruned(), *_load(), _soak())
    rows = (*search_goals(), *_serving(), *costs, *_training())
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _watching() -> Row:
    row = next(row for row in read_result("progress_cost").rows if row["arm"] == "progress")
    low, high = (1 - value for value in reversed(row["interval"]))
    return (
        f"to watch a search costs at most {WATCHED:.0%} of the tokens a second",
        f"{1 - row['ratio_to_buffered']:.1%} ({low:.1%} to {high:.1%})",
        met([1 - row["ratio_to_buffered"] <= WATCHED]),
    )


def _unpruned() -> Iterator[Row]:
    result = read_result("unpruned")
    for arm, does in (("votes counted", "counts votes"), ("quality vote", "scores all candidates")):
        ratio, low, high = relative(result, f"our search, {arm}")
        yield (
            f"a search that prunes nothing and {does} takes at most {UNPRUNED:.0%} longer than `n=16`",
            f"{ratio - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%})",
            met([ratio - 1 <= UNPRUNED]),
        )


def _serving() -> Iterator[Row]:
    result = read_result("serving_presets")
    busiest = max(row["concurrency"] for row in result.rows)
    forms = result.settings["prompts"]
    here = {(r["arm"], r["prompt"]): r for r in result.rows if r["concurrency"] == busiest}
    ours, baseline = [here[OURS, form] for form in forms], result.settings["baseline"]
    goodput = [row["goodput_relative"] for row in ours]
    yield (
        f"`fast`: {GOODPUT:g} times the correct answers a second of {baseline}, {busiest} at once",
        f"{_times(goodput)}, by prompt form",
        met([value >= GOODPUT for value in goodput], "prompt forms"),
    )
    yield (
        "there as right as the uniform vote of as many samples",
        " and ".join(f"{row['difference_to_uniform']:+.3f}" for row in ours),
        met([row["difference_interval"][1] >= 0 for row in ours], "prompt forms"),
    )
    for peer in dict.fromkeys(arm for arm, _ in here if arm.startswith(PEER_NAMES)):
        ratios = [
            mine / here[peer, form]["goodput_relative"]
            for mine, form in zip(goodput, forms, strict=True)
        ]
        reached = met([ratio >= PEERS for ratio in ratios], "prompt forms")
        yield f"{PEERS:g} times those of {peer}", _times(ratios), reached
    alone = {(r["arm"], r["prompt"]): r for r in result.rows if r["concurrency"] == 1}
    waits = [
        alone[OURS, form]["seconds_p50"] / alone[baseline, form]["seconds_p50"] for form in forms
    ]
    yield (
        f"alone on the server `fast` takes no longer than {baseline}, median",
        f"{_times(waits)} of its time",
        met([wait <= 1 for wait in waits], "prompt forms"),
    )


def _scoring() -> Row:
    rows = {row["arm"]: row for row in read_result("plugin_cost").rows}
    of_idle = rows["scoring on"]["to_idle"]
    low, high = (1 - value for value in reversed(of_idle["interval"]))
    cost = 1 - of_idle["median"]
    return (
        f"scoring costs at most {SCORING:.0%} of the tokens a second",
        f"{cost:.1%} ({low:.1%} to {high:.1%})",
        met([cost <= SCORING]),
    )


def _load() -> Iterator[Row]:
    settings = read_result("load").settings
    for name, limit in (("p50", P50_MS), ("p99", P99_MS)):
        gap, low, high = settings["added_ms"][name]
        yield (
            f"a plain request, {settings['concurrent']} at once, takes less than {limit:g} ms more at {name}",
            f"{gap:+.1f} ms ({low:+.1f} to {high:+.1f})",
            "yes" if high < limit else "on the mean" if gap < limit else "**no**",
        )
    most = max(settings["bytes_per_waiting_request"].values()) / 1024
    yield (
        f"a waiting request holds less than {WAITING_KIB} KiB",
        f"{most:.0f} KiB",
        met([most < WAITING_KIB]),
    )


def _soak() -> Row:
    settings = read_result("soak").settings
    return (
        f"{settings['concurrent']} random clients for {settings['minutes']:g} minutes: "
        "nothing lost, wrong or leaked",
        f"{len(settings['wrong'])} findings",
        met([not settings["wrong"]]),
    )


def _training() -> Iterator[Row]:
    """Of pruned arms beside the unpruned one that is tuned as well, in processor seconds."""
    rows = {row["arm"]: row for row in read_result("training_evidence").rows}
    pruned = [rows[arm] for arm in PRUNED]
    speeds = [row["speedup_cpu"] for row in pruned]
    yield (
        f"pruned training takes {SPEED:g} times the steps a second of the unpruned trainer, tuned as well",
        _each(pruned, [f"{speed:.2f}" for speed in speeds]),
        met([speed >= SPEED for speed in speeds]),
    )
    for seconds, key in (("steps", "gain_over_base"), ("seconds", "gain_at_equal_seconds_cpu")):
        gains = [interval(row[key]) for row in pruned]
        yield (
            f"it is right as often after equal {seconds}: not more than {BEHIND:g} below",
            _each(
                pruned, [f"{mean:+.3f} ({low:+.3f} to {high:+.3f})" for mean, low, high in gains]
            ),
            met([low > -BEHIND for _, low, _ in gains]),
        )
    shares = [_share(row, rows[UNPRUNED_ARM]) for row in pruned]
    yield (
        f"it takes at most {TIME_TO:g} of the seconds to pass@1 {GOAL}",
        _each(pruned, ["not reached" if share is None else f"{share:.2f}" for share in shares]),
        met([share is not None and share <= TIME_TO for share in shares]),
    )
    beside = {row["arm"]: row["speed_of"] for row in read_result("trl").rows}
    for arm, goal in ((UNPRUNED_ARM, 1.0), ("fast", TRL)):
        speeds = beside[arm]
        yield (
            f"`{arm}` takes at least {goal:.1f} times the steps an hour of TRL",
            "; ".join(f"{with_range(each)} of {name}" for name, each in speeds.items()),
            met([fmean(each) >= goal for each in speeds.values()]),
        )


def _each(rows: Sequence[dict[str, Any]], values: Sequence[str]) -> str:
    return ", ".join(f"`{row['arm']}` {value}" for row, value in zip(rows, values, strict=True))


def _share(row: dict[str, Any], base: dict[str, Any]) -> float | None:
    """Of the base's processor seconds to the goal, over the seeds; None: some have not come there."""
    took = row["time_to"][GOAL]["seconds_cpu"]
    known = dict(zip(base["seeds"], base["time_to"][GOAL]["seconds_cpu"], strict=True))
    whole = [known[seed] for seed in row["seeds"]]
    if None in took or None in whole:
        return None
    return float(sum(took) / sum(whole))


def _times(values: list[float]) -> str:
    return " and ".join(f"{value:.2f}" for value in values)
