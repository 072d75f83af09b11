"""Progress events put together as clients are told to do it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Rows = dict[int, dict[str, Any]]


def added(events: Iterable[Mapping[str, Any]]) -> tuple[Rows, Rows]:
    """Candidates by index and votes by cluster, after all these events."""
    candidates: Rows = {}
    votes: Rows = {}
    for event in events:
        for row in event.get("candidates", []):
            candidates.setdefault(row["index"], {}).update(row)
        for row in event.get("votes", []):
            votes.setdefault(row["cluster"], {}).update(row)
    return candidates, {cluster: row for cluster, row in votes.items() if row["count"]}


def check_sum(events: list[Any], report: Mapping[str, Any]) -> None:
    """All events together say what a report with candidates says."""
    candidates, votes = added(events)
    for row in report["candidates"]:
        merged = candidates[row["index"]]
        assert row == {name: merged.get(name) for name in row}
        assert ("pruned_at" in merged) == (row["fate"] == "pruned")
    assert len(candidates) == len(report["candidates"])
    shown = {vote["answer"]: vote | {"cluster": None} for vote in votes.values()}
    assert shown == {vote["answer"]: vote | {"cluster": None} for vote in report["votes"]}
    last = events[-1]
    for name in ("waves", "agreement", "confidence", "stop"):
        assert last[name] == report[name]
    assert last["leader"] == report["answer"]
    assert last["tokens"] == report["tokens"]["generated"]
    assert last["saved_estimate"] == report["tokens"]["saved_estimate"]
    assert last["finished"] == report["samples"]["finished"]
    by_cluster = {row["cluster"]: row["answer"] for row in candidates.values() if row.get("answer")}
    assert by_cluster == {cluster: row["answer"] for cluster, row in votes.items()}
