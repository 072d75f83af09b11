"""The dashboard and the alert rules ask for nothing that /metrics does not have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.paths import ROOT
from tests.server.conftest import Server

PRUNED = {"samples": 4, "prune": {"keep": 0.5, "probes": [8]}}
SAMPLES_OF = {
    "arrol_requests_total": {"outcome", "stop"},
    "arrol_candidates_total": {"fate"},
    "arrol_refused_requests_total": {"reason"},
}
REASONS = {"queue", "wait", "concurrency", "requests", "tokens", "key", "body"}


def live(server: Server) -> dict[str, list[dict[str, str]]]:
    """Sample name -> the label sets it has."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(httpx.get(f"{server.url}/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def expressions() -> list[str]:
    panels = json.loads((ROOT / "docs/grafana.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = yaml.safe_load((ROOT / "docs/alerts.yaml").read_text())["groups"][0]["rules"]
    return [e.replace("$__rate_interval", "5m") for e in asked] + [r["expr"] for r in rules]


def parts(node: Any) -> Iterator[Any]:
    """Every node of a parsed expression."""
    yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "args"):
        inner = getattr(node, name, None)
        for child in inner if isinstance(inner, list) else [inner]:
            if child is not None:
                yield from parts(child)


@pytest.fixture(scope="module")
def searched(server: Server) -> dict[str, list[dict[str, str]]]:
    body = {"model": "arrol-tiny", "messages": [{"role": "user", "content": "What is 12*3+4?"}]}
    reply = server.post(body | {"seed": 1, "arrol": PRUNED})
    assert reply.json()["arrol"]["samples"]["pruned"] == 2
    return live(server)


@pytest.mark.parametrize("expression", expressions())
def test_queries_ask_for_what_there_is(
    searched: dict[str, list[dict[str, str]]], expression: str
) -> None:
    nodes = list(parts(promql_parser.parse(expression)))
    selectors = [n for n in nodes if isinstance(n, promql_parser.VectorSelector)]
    assert selectors
    labels: set[str] = set()
    for selector in selectors:
        assert selector.name in searched, f"/metrics has no {selector.name}"
        own = set().union(*searched[selector.name])
        labels |= own
        assert {m.name for m in selector.matchers.matchers} <= own
    for node in nodes:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert set(node.modifier.labels) <= labels


def test_a_search_is_counted_once_under_each_heading(
    server: Server, ask: Callable[..., Any]
) -> None:
    names = ("arrol_requests_total", "arrol_candidates_total", "arrol_generated_tokens_total")
    names += ("arrol_votes_count", "arrol_pruned_at_tokens_count", "arrol_search_seconds_count")
    before = [server.metric(name) for name in names]
    reply = ask(arrol=PRUNED, seed=3)
    added = [server.metric(n) - b for n, b in zip(names, before, strict=True)]
    assert added == [1, 4, reply.usage.completion_tokens, 1, 2, 1]
    assert server.metric("arrol_searches_in_flight") == 0
    assert server.metric("arrol_head_info") == 1


def test_label_sets_are_bounded(searched: dict[str, list[dict[str, str]]]) -> None:
    fates = {labels["fate"] for labels in searched["arrol_candidates_total"]}
    assert fates <= {"won", "voted", "no_answer", "pruned", "cancelled", "truncated"}
    assert {labels["reason"] for labels in searched["arrol_refused_requests_total"]} == REASONS
    ours = [n for n in searched if n.startswith("arrol_") and n.endswith("_total")]
    for name in ours:
        assert set().union(*searched[name]) <= SAMPLES_OF.get(name, {"fate"})
