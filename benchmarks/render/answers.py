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
        "| scorer | replies with a verdict of their data set | right, called wrong | wrong, called right |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {r['scorer']} | {r['replies']} | {r['called_wrong']} | {r['called_right']} |"
        for r in rows["scorer"]
    ]
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
