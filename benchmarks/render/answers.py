"""How well replies are read, beside other scorers."""

from __future__ import annotations

from typing import Any

from benchmarks.record import read_result


def answers() -> str:
    """Scorers, styles, golds and times."""
    result = read_result("answers")
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in result.rows:
        rows.setdefault(row["table"], []).append(row)
    settings, (took,) = result.settings, rows["time"]
    lines = [
        f"{settings['replies']} replies that {settings['models']} models wrote, in {settings['styles']} "
        f"styles, not part of the repository. {result.where()}.",
        "",
        "| scorer | replies with a verdict of their data set | right, called wrong | wrong, called right "
        "| of what it calls right, wrong | differs |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_scorer(row) for row in rows["scorer"]]
    lines += ["", *map(_causes, rows["causes"])]
    lines += [
        "",
        "| style | replies | no answer read | with a verdict | we differ |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_escaped(r['style'])} | {r['replies']} | {r['unread']} | {r['verdicts']} | {r['differ']} |"
        for r in rows["style"]
    ]
    lines += ["", "| golds | pairs of distinct spellings | taken for equal |", "|---|---|---|"]
    lines += [
        f"| {r['file']} | {r['pairs']} | {len(r['equal'])}: {_pairs(r['equal'])} |"
        for r in rows.get("golds", [])
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"Reading takes {took['read_p50_ms']:g} ms at the median and "
            f"{took['read_p99_ms']:g} ms at the 99th "
            f"percentile, comparing two answers {took['equal_ms']:g} ms, of one core's time.",
        ]
    )


def _scorer(row: dict[str, Any]) -> str:
    called = row["right"] - row["called_wrong"] + row["called_right"]
    differs = (row["called_wrong"] + row["called_right"]) / row["replies"]
    return (
        f"| {row['scorer']} | {row['replies']} | {row['called_wrong']} | {row['called_right']} "
        f"| {row['called_right'] / max(called, 1):.1%} of {called} | {differs:.1%} |"
    )


def _causes(row: dict[str, Any]) -> str:
    others = row["accepted"] - row["letter_given"]
    confirmed = (
        ""
        if row["confirmed"] is None
        else (
            f"; math-verify, given the answer alone that was read, finds {row['confirmed']} of the other "
            f"{others} equal to the gold"
        )
    )
    return (
        f"Of the {row['accepted']} that we call right against the data set, {row['letter_given']} give the "
        f"gold's letter{confirmed}. Of the {row['refused']} that we call wrong, {row['unread']} state no "
        f"answer and {row['letter_not_given']} give no letter where the gold is one."
    )


def _pairs(pairs: list[list[str]]) -> str:
    return ", ".join(f"<code>{_escaped(a)}</code> = <code>{_escaped(b)}</code>" for a, b in pairs)


def _escaped(text: str) -> str:
    for mark, code in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        ("|", "&#124;"),
        ("*", "&#42;"),
        ("_", "&#95;"),
        ("$", "&#36;"),
    ):
        text = text.replace(mark, code)
    return text
