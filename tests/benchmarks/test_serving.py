"""The serving comparison's pure parts: a client's votes, the plan, the journal, the figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.behaviour.upstream import COMPLETION_TOKENS, scripted_upstream
from benchmarks.peers import ITS_HUB, OPTILLM
from benchmarks.record import write_result
from benchmarks.render.serving import serving
from benchmarks.serving.__main__ import PROMPTS, first_bytes, measure, plan, questions
from benchmarks.serving.arms import BASELINE, SERVER, UNIFORM, arms
from benchmarks.serving.journal import Journal
from benchmarks.serving.plot import serving_plot
from benchmarks.serving.summary import ratio, right, summarise
from benchmarks.serving.votes import deepconf, majority, trace_confidence


def choice(text: str, logprob: float = -1.0, finish: str = "stop") -> dict[str, Any]:
    token = {"top_logprobs": [{"logprob": logprob}, {"logprob": 3 * logprob}]}
    return {
        "message": {"content": text},
        "finish_reason": finish,
        "logprobs": {"content": [token, token]},
    }


def test_the_most_frequent_answer_wins_and_unfinished_texts_do_not_vote() -> None:
    cut = choice("The answer is 9.", finish="length")
    choices = [cut, cut, choice("The answer is 3."), choice("The answer is 4."), cut]
    assert majority(choices) == "The answer is 3."
    assert majority([*choices, choice("So the answer is 4.")]) == "The answer is 4."
    assert majority([choice("I do not know.")]) == "I do not know."


def test_confidence_is_the_mean_of_minus_log_p_over_the_top() -> None:
    assert trace_confidence(choice("", -1.0)) == pytest.approx(2.0)


def test_deepconf_weighs_by_confidence() -> None:
    sure = choice("The answer is 5.", logprob=-9.0)
    choices = [choice("The answer is 6."), choice("The answer is 6."), sure]
    assert majority(choices) == "The answer is 6."
    assert deepconf(choices) == "The answer is 5."


def test_replies_are_judged_by_their_answer() -> None:
    assert right("It is 3. The answer is \\boxed{12}.", "12")
    assert not right("The answer is 13.", "12")
    assert not right("", "12")


SETTINGS: dict[str, Any] = {
    "samples": 16,
    "probe": 32,
    "arms": None,
    "served_as": "arrol-tiny",
    "least_block": 4,
    "refills": 1,
    "questions": {"1": 4, "8": 17},
    "prompts": list(PROMPTS),
}


def test_every_arm_runs_every_block_and_their_order_rotates() -> None:
    found = plan(SETTINGS)
    names = [arm.name for arm in arms(16)]
    assert len(found) == len(names) * (1 + 3) * len(PROMPTS)
    assert len({(p, c, b, a.name) for p, c, b, a in found}) == len(found)
    second = [a.name for p, c, b, a in found if (p, c, b) == (next(iter(PROMPTS)), 8, 1)]
    assert second == names[1:] + names[:1]


def block(arm: str, number: int, marks: list[bool], seconds: float, tokens: int) -> dict[str, Any]:
    return {
        "prompt": "p", "concurrency": 8, "block": number, "arm": arm, "right": marks,
        "seconds": seconds, "seconds_each": [seconds] * len(marks), "tokens": tokens,
    }  # fmt: skip


def test_a_journal_goes_on_and_refuses_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "run" / "blocks.jsonl"
    Journal(path, SETTINGS).add(block("a", 0, [True], 1.0, 5))
    with path.open("a") as file:
        file.write('{"prompt": "p", "torn')
    again = Journal(path, SETTINGS)
    again.add(block("b", 1, [False], 1.0, 5))
    assert list(Journal(path, SETTINGS).blocks) == [("p", 8, 0, "a"), ("p", 8, 1, "b")]
    with pytest.raises(SystemExit, match="other settings"):
        Journal(path, {**SETTINGS, "samples": 8})


def test_figures_are_of_the_blocks_that_all_arms_have() -> None:
    blocks = [
        block("base", 0, [True, False], 2.0, 100),
        block("base", 1, [True, True], 2.0, 100),
        block("base", 2, [True, True], 9.0, 900),
        block("ours", 0, [True, True], 1.0, 50),
        block("ours", 1, [True, True], 1.0, 50),
    ]
    rows = {row["arm"]: row for row in summarise(blocks, "base", "base")}
    ours = rows["ours"]
    assert ours["questions"] == 4
    assert ours["accuracy"] == 1
    assert ours["difference_to_uniform"] == pytest.approx(0.25)
    assert ours["tokens_relative"] == pytest.approx(0.5)
    assert ours["goodput"] == pytest.approx(2.0)
    assert ours["goodput_relative"] == pytest.approx(8 / 3)
    assert rows["base"]["goodput_relative"] == 1


def test_the_goodput_interval_is_over_blocks() -> None:
    base = [block("b", i, [True], 1.0, 1) for i in range(8)]
    steady = [block("o", i, [True], 0.5, 1) for i in range(8)]
    assert ratio(steady, base) == (2.0, (2.0, 2.0))
    mixed = [block("o", i, [i % 2 == 0], 0.5, 1) for i in range(8)]
    value, (low, high) = ratio(mixed, base)
    assert value == 1.0
    assert low < 1.0 < high


def test_a_run_goes_from_questions_to_figures_and_asks_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripted upstream stands in for the server and the peers: it is the runner that is tested."""
    settings = {
        **SETTINGS, "temperature": 1.0, "max_tokens": 50, "data": "arithmetic:1", "data_dir": None,
        "questions": {"1": 4, "8": 9}, "baseline": arms(16)[BASELINE].name,
    }  # fmt: skip
    path = tmp_path / "blocks.jsonl"
    gold = questions(settings, "\\boxed{}")[0].gold
    with scripted_upstream() as upstream:
        urls = dict.fromkeys((SERVER, ITS_HUB, OPTILLM), upstream.url)
        script = upstream.play(replies=[f"The answer is {gold}."])
        measure(urls, settings, Journal(path, settings))
        asked = len(script.calls)
        measure(urls, settings, Journal(path, settings))
        assert len(script.calls) == asked + 2 * len(arms(16))  # the warm-up alone
        times = first_bytes(urls, settings)
    blocks = list(Journal(path, settings).blocks.values())
    rows = summarise(blocks, settings["baseline"], UNIFORM)
    assert len(rows) == len(arms(16)) * len(PROMPTS) * 2
    by_arm = {row["arm"]: row for row in rows if row["concurrency"] == 8}
    voted = by_arm[settings["baseline"]]
    assert voted["tokens_a_question"] == 16 * COMPLETION_TOKENS
    assert voted["accuracy"] >= 1 / 9
    assert by_arm["one sample"]["tokens_relative"] == pytest.approx(1 / 16)
    assert set(times) == {arm.name for arm in arms(16)}
    result = write_result("serving", settings | {"first_byte_s": times}, rows, folder=tmp_path)
    assert serving_plot(result).stat().st_size > 10_000
    monkeypatch.setattr("benchmarks.record.RESULTS", tmp_path)
    assert f"| {settings['baseline']} | {voted['accuracy']:.3f} |" in serving()


def test_arms_say_what_they_send() -> None:
    bodies = {arm.name: arm.body("Q", 7, {"temperature": 1.75}) for arm in arms(16)}
    assert json.dumps(bodies)
    assert all(body["seed"] == 7 and body["temperature"] == 1.75 for body in bodies.values())
    assert bodies["arrol-serve, keep 0.5"]["arrol"]["prune"]["keep"] == 0.5
    assert bodies["vLLM n=16, client votes"]["n"] == 16
    assert "arrol" not in bodies["vLLM n=16, client votes"]
