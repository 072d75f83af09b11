"""Drafts change how many tokens a step brings, and nothing else: not one token, score or decision."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.engine.apart import surest
from tests.engine.figures import FIGURES, PROBES, RECORDED, SHORT, all_figures, stopped
from tests.engine.test_apart import flat, run_apart
from tests.engine.test_scores import features_after, offline


@pytest.fixture(scope="module")
def plain(engine: Any) -> dict[str, Any]:
    kinds = {kind: stopped(engine, kind) for kind in ("token", "string")}
    found = {"greedy": all_figures(engine, 0.0), "sampled": all_figures(engine, 1.0)}
    return {**found, **kinds, "sure": surest(engine)}


@pytest.fixture(scope="module")
def drafting() -> dict[str, Any]:
    return run_apart("ngrams")


def test_drafts_were_accepted(plain: dict[str, Any], drafting: dict[str, Any]) -> None:
    assert {now - before for before, now in plain["greedy"]["runs"]} <= {0, 1}
    assert len(drafting["greedy"]["runs"]) < 0.9 * len(plain["greedy"]["runs"])


def test_probes_lay_inside_accepted_runs(drafting: dict[str, Any]) -> None:
    inside = [(b, now) for b, now in drafting["greedy"]["runs"] for p in PROBES if b < p < now]
    assert inside, "the test tests nothing"
    lengths = [len(tokens) for tokens in drafting["greedy"]["tokens"]]
    reasons = [reason for _, reason in drafting["greedy"]["ends"]]
    pruned = [n for n, reason in zip(lengths, reasons, strict=True) if reason == "arrol_pruned"]
    assert pruned
    assert set(pruned) <= set(PROBES)


def test_rollouts_were_cut_off_inside_accepted_runs(drafting: dict[str, Any]) -> None:
    seen = drafting["greedy"]
    lengths = [
        len(t) for t, end in zip(seen["tokens"], seen["ends"], strict=True) if "length" in end
    ]
    assert set(SHORT) <= set(lengths)
    assert any(before < n < now for before, now in seen["runs"] for n in SHORT)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_greedy_figure_is_the_same_as_without_drafts(
    plain: dict[str, Any], drafting: dict[str, Any], figure: str
) -> None:
    ours, theirs = flat(plain["greedy"][figure]), flat(drafting["greedy"][figure])
    assert ours
    # The scores at probes are rounded, and may lie on either side of where that is done.
    assert theirs == pytest.approx(ours, abs=1.1e-3 if figure == "probes" else 2e-4)


@pytest.mark.parametrize("kind", ["token", "string"])
def test_a_stop_inside_an_accepted_run_is_the_end(
    plain: dict[str, Any], drafting: dict[str, Any], kind: str
) -> None:
    ours, theirs = plain[kind], drafting[kind]
    lengths = {len(tokens) for tokens in theirs["tokens"]}
    assert any(before < n < now for before, now in theirs["runs"] for n in lengths)
    for figure in ("texts", "tokens", "ends"):
        assert theirs[figure] == ours[figure]
    for figure in ("quality", "confidence"):
        assert theirs[figure] == pytest.approx(ours[figure], abs=2e-4)


def test_recorded_features_of_sampled_rollouts_are_those_of_transformers(
    drafting: dict[str, Any],
) -> None:
    seen = drafting["sampled"]
    rows = iter(seen["recorded"])
    for tokens, prompt in zip(seen["tokens"], seen["prompts"], strict=True):
        reference = offline(None, tokens, prompt)
        for count in [*(n for n in RECORDED if n <= len(tokens)), len(tokens)]:
            at, *features = next(rows)
            assert at == count
            expected = features_after(reference, count)
            torch.testing.assert_close(torch.tensor(features), expected, rtol=2e-3, atol=2e-3)


def test_samplers_that_leave_no_choice_sample_the_greedy_tokens(
    plain: dict[str, Any], drafting: dict[str, Any]
) -> None:
    """vLLM's own sampler for drafts, on CPUs, scales by memory that nobody has written."""
    *ways, greedy = drafting["sure"]
    assert greedy == plain["sure"][-1]
    assert ways == [greedy] * len(ways)


def test_sampled_tokens_are_as_likely_as_without_drafts(
    plain: dict[str, Any], drafting: dict[str, Any]
) -> None:
    means = []
    for seen in (plain, drafting):
        likely = [one for rollout in seen["sampled"]["logprobs"] for one in rollout]
        assert len(likely) > 1000
        means.append(sum(likely) / len(likely))
    assert means[1] == pytest.approx(means[0], abs=0.1)
