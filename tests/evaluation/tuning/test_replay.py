"""Plans on kept rollouts, against worked numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.tuning.replay_cases import SERVER, plan_of, question
from trainer.evaluation.tuning.grid import Grid
from trainer.evaluation.tuning.plans import accepted
from trainer.evaluation.tuning.recorded import halves
from trainer.evaluation.tuning.replay import Replayed, WaveCache, replay

SURE, UNSURE = 0.98, 0.1


def run(body: dict[str, object], *args: object, **options: object) -> Replayed:
    return replay(plan_of(body), WaveCache(question(*args, **options)))  # type: ignore[arg-type]


def test_one_shot_costs_all_tokens_and_lasts_as_long_as_the_longest() -> None:
    found = run({"samples": 4, "vote": "uniform"}, "7575", [10, 20, 30, 5])
    assert (found.tokens, found.clock, found.started, found.by_rule) == (65, 30, 4, False)
    assert run({"samples": 3, "vote": "uniform"}, "755-", [1, 1, 1, 9]).right is False
    assert run({"samples": 3, "vote": "uniform"}, "755-", [1, 1, 1, 9]).clock == 1


def test_pruned_candidates_end_at_the_probe_and_do_not_vote() -> None:
    body = {"samples": 4, "prune": {"keep": 0.5, "probes": [4]}}
    scores = {4: [3.0, -1.0, -2.0, 2.0]}
    found = run(body, "7557", [10, 20, 30, 6], scores=scores)
    assert found.right
    assert (found.tokens, found.clock) == (10 + 4 + 4 + 6, 10)
    # One that ended before the probe was never at risk; of the three others half, rounded up, live.
    early = run(body, "7557", [3, 20, 30, 6], scores=scores)
    assert early.tokens == 3 + 20 + 4 + 6


def test_two_probes_share_the_shrinking() -> None:
    body = {"samples": 4, "prune": {"keep": 0.25, "probes": [4, 8]}}
    scores = {4: [3.0, 2.0, 1.0, 0.0], 8: [1.0, 5.0, 0.0, 0.0]}
    found = run(body, "5755", [10, 20, 30, 40], scores=scores)
    assert found.right
    assert found.tokens == 8 + 20 + 4 + 4


ADAPTIVE = {"samples": 6, "min_samples": 2, "wave_samples": 2, "early_stop": {"confidence": 0.8}}


def test_a_search_ends_with_its_first_sure_answer() -> None:
    found = run(ADAPTIVE, "757777", [10, 30, 9, 9, 9, 9], quality=[SURE] + [UNSURE] * 5)
    assert found.by_rule
    assert found.right
    assert (found.tokens, found.clock, found.started) == (10 + 10, 10, 2)
    assert found.confidence is not None
    assert found.confidence >= 0.8


def test_a_search_goes_on_wave_by_wave_while_it_is_unsure() -> None:
    quality = [UNSURE, UNSURE, UNSURE, UNSURE, SURE, UNSURE]
    found = run(ADAPTIVE, "571234", [10, 20, 10, 30, 10, 40], quality=quality)
    # Waves start at 0, 20 and 20 + 30; the fifth is sure 10 tokens later.
    assert (found.clock, found.started, found.by_rule) == (60, 6, True)
    assert found.tokens == 10 + 20 + 10 + 30 + 10 + 10
    assert not found.right


def test_a_search_that_never_is_sure_uses_all() -> None:
    found = run(ADAPTIVE, "571234", [10] * 6, quality=[UNSURE] * 6)
    assert (found.started, found.by_rule, found.tokens, found.clock) == (6, False, 60, 30)


def test_the_next_wave_starts_at_the_probe_when_this_one_is_judged_hopeless() -> None:
    body = {**ADAPTIVE, "prune": {"keep": 0.5, "probes": [4]}}
    scores = {4: [-5.0, -6.0, 5.0, -7.0, 0.0, 0.0]}
    quality = [UNSURE, UNSURE, SURE, UNSURE, UNSURE, UNSURE]
    found = run(body, "557777", [50] * 6, scores=scores, quality=quality)
    # The second wave starts at 4, not at 50; its best is sure at 54. A newcomer is judged
    # among all four that came to the probe, and the worst of them ends there.
    assert (found.clock, found.started, found.right) == (54, 4, True)
    assert found.tokens == 50 + 4 + 50 + 4


answers = st.text("57-3", min_size=8, max_size=8)
lengths = st.lists(st.integers(5, 60), min_size=8, max_size=8)
logits = st.lists(st.floats(-6, 6), min_size=8, max_size=8)
chances = st.lists(st.floats(0.01, 0.99), min_size=8, max_size=8)


@given(answers, lengths, logits, logits, chances, st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_plan_costs_more_than_everything_it_may_start(
    text: str, tokens: list[int], first: list[float], second: list[float], p: list[float], seed: int
) -> None:
    kept = question(text, tokens, scores={4: first, 9: second}, quality=p)
    for body in accepted(Grid(8, (4, 9)).draw(3, seed), SERVER):
        plan = plan_of(body)
        found = replay(plan, WaveCache(kept))
        assert 0 < found.tokens <= sum(tokens[: found.started])
        assert found.started <= plan.samples
        assert max(tokens[: found.started]) >= found.clock or found.started > plan.waves.first
        if found.by_rule:
            assert found.confidence is not None
            assert found.confidence >= body["early_stop"]["confidence"]  # type: ignore[index]


def test_waves_that_plans_share_are_the_same_from_the_cache() -> None:
    kept = question("75577557", [20] * 8, scores={4: [1.0, -2, 3, 0, 2, 5, -1, 4]})
    shared = WaveCache(kept)
    for confidence in (0.5, 0.9, 0.99):
        body = {"samples": 8, "min_samples": 2, "early_stop": {"confidence": confidence}}
        plan = plan_of({**body, "prune": {"keep": 0.5, "probes": [4]}})
        assert replay(plan, shared) == replay(plan, WaveCache(kept))


def test_halves_of_a_subset_are_disjoint_and_even() -> None:
    questions = [question("7", [1], name=f"x/{i}") for i in range(11)]
    texts = {q.id: q.id for q in questions}
    first, second = halves(questions, texts)
    assert (len(first), len(second)) == (6, 5)
    assert {q.id for q in first} | {q.id for q in second} == {q.id for q in questions}
    assert halves(questions[::-1], texts) == (first, second)


def test_equal_questions_are_in_one_half() -> None:
    questions = [question("7", [1], name=f"x/{i}") for i in range(40)]
    texts = {q.id: f"question {place % 10}" for place, q in enumerate(questions)}
    first, second = ({texts[q.id] for q in half} for half in halves(questions, texts))
    assert (len(first), len(second)) == (5, 5)
    assert not first & second


def test_the_server_takes_most_plans_of_the_grid() -> None:
    grid = Grid(16, (4, 8, 12, 16, 20, 24))
    bodies = list(grid.draw(300, 1))
    taken = accepted(bodies, SERVER)
    assert len(taken) > 250
    assert all(plan_of(body).samples <= 16 for body in taken)
    assert {"early_stop" in body for body in taken} == {True, False}
    assert {len(body.get("prune", {}).get("probes", ())) for body in taken} == {0, 1, 2, 3}
    for start in taken[:3]:
        assert len(accepted(grid.near(start, 100, 2), SERVER)) > 60
