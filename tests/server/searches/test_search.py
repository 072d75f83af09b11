"""Searches through the official openai client against the real server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from openai import OpenAI

from arrol_serve.bundled import MODEL
from tests.server.conftest import Server
from tests.server.deadlines import first_answer

Ask = Callable[..., Any]


def test_a_plain_request_is_plain_vllm(ask: Ask) -> None:
    reply = ask(seed=3, max_tokens=40)
    assert "arrol" not in reply.model_extra
    assert reply.usage.completion_tokens <= 40


def test_a_search_reports_its_candidates_votes_and_answer(ask: Ask) -> None:
    reply = ask(arrol={"samples": 8, "return": "candidates"}, seed=3)
    found = reply.arrol
    assert found["samples"]["started"] == 8
    assert (
        sum(v["count"] for v in found["votes"])
        == 8 - found["samples"]["truncated"] - (found["samples"]["no_answer"])
    )
    by_answer = Counter(c["answer"] for c in found["candidates"] if c["answer"] is not None)
    assert {v["answer"]: v["count"] for v in found["votes"]} == dict(by_answer)
    assert found["votes"] == sorted(found["votes"], key=lambda v: -v["weight"])
    assert found["answer"] == found["votes"][0]["answer"]
    assert f"\\boxed{{{found['answer']}}}" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"


def test_quality_votes_weigh_with_the_heads_probabilities(ask: Ask) -> None:
    found = ask(arrol={"samples": 8, "return": "candidates"}, seed=5).arrol
    for vote in found["votes"]:
        weight = sum(c["quality"] for c in found["candidates"] if c["answer"] == vote["answer"])
        assert vote["weight"] == pytest.approx(weight, abs=2e-3)


def test_pruning_ends_half_of_the_candidates_at_the_probe(ask: Ask) -> None:
    arrol = {"samples": 16, "prune": {"keep": 0.5, "probes": [12]}, "return": "candidates"}
    found = ask(arrol=arrol, seed=3).arrol
    pruned = [c for c in found["candidates"] if c["fate"] == "pruned"]
    assert len(pruned) == 8
    # They wait for siblings that start a few steps later: on a busy machine more than two.
    assert all(12 <= c["tokens"] < 24 for c in pruned)
    assert found["tokens"]["saved_estimate"] > 0


def test_usage_is_the_change_of_the_engines_own_counter(server: Server, ask: Ask) -> None:
    server.wait_idle()
    before = server.metric("vllm:generation_tokens_total")
    reply = ask(arrol={"samples": 16, "prune": {"keep": 0.25, "probes": [10]}}, seed=9)
    after = server.metric("vllm:generation_tokens_total")
    assert reply.usage.completion_tokens == after - before
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.arrol["tokens"]["generated"] == reply.usage.completion_tokens


def test_a_seed_makes_a_search_reproducible(ask: Ask) -> None:
    options = {"samples": 8, "prune": {"keep": 0.5, "probes": [14]}, "return": "candidates"}
    first, second = ask(arrol=options, seed=21), ask(arrol=options, seed=21)
    for one, other in zip(first.arrol["candidates"], second.arrol["candidates"], strict=True):
        assert one["fate"] == other["fate"]
        if one["fate"] == "pruned":  # it generated on until its last sibling arrived
            shorter, longer = sorted((one["text"], other["text"]), key=len)
            assert longer.startswith(shorter)
        else:
            assert one["text"] == other["text"]
    assert first.choices[0].message.content == second.choices[0].message.content


def test_candidate_i_is_what_a_plain_request_with_seed_plus_i_gives(ask: Ask) -> None:
    found = ask(arrol={"samples": 3, "return": "candidates"}, seed=40).arrol
    plain = [ask(seed=40 + i).choices[0].message.content for i in range(3)]
    assert [c["text"] for c in found["candidates"]] == plain


def test_n_returns_distinct_answers_best_first(ask: Ask) -> None:
    reply = ask("What is 947*83-17+29-64?", arrol={"samples": 16}, n=3, seed=2, temperature=1.5)
    votes = reply.arrol["votes"]
    contents = [choice.message.content for choice in reply.choices]
    assert [choice.index for choice in reply.choices] == list(range(len(contents)))
    assert len(contents) == min(3, len(votes))
    for content, vote in zip(contents, votes, strict=False):
        assert vote["answer"] in content


def test_aliases_are_listed_and_searched(client: OpenAI, ask: Ask) -> None:
    listed = {model.id: model for model in client.models.list().data}
    assert {"arrol-tiny", "arrol-tiny-vote16", "arrol-tiny-prune16", "duo"} <= set(listed)
    assert listed["duo"].model_extra["parent"] == "arrol-tiny"
    reply = ask(model="duo")
    assert reply.arrol["samples"]["started"] == 2
    assert reply.arrol["vote"] == "uniform"


def test_headers_beat_body_beats_alias(server: Server) -> None:
    body = {"model": "duo", "messages": [{"role": "user", "content": "2+2"}], "max_tokens": 30}
    assert server.post(body).json()["arrol"]["samples"]["started"] == 2
    body["arrol"] = {"samples": 3}
    assert server.post(body).json()["arrol"]["samples"]["started"] == 3
    reply = server.post(body, **{"X-Arrol-Samples": "4"})
    assert reply.json()["arrol"]["samples"]["started"] == 4
    assert reply.headers["x-arrol-samples"] == "4"
    assert reply.headers["x-arrol-generated-tokens"] == str(
        reply.json()["usage"]["completion_tokens"]
    )


def test_xargs_and_budget_select_too(server: Server) -> None:
    body = {
        "model": "arrol-tiny",
        "messages": [{"role": "user", "content": "2+2"}],
        "max_tokens": 30,
    }
    xargs = body | {"vllm_xargs": {"arrol_samples": 3, "arrol_vote": "best"}}
    found = server.post(xargs).json()["arrol"]
    assert (found["samples"]["started"], found["vote"]) == (3, "best")
    assert server.post(body | {"arrol": {"budget": 3}}).json()["arrol"]["samples"]["started"] == 3


def test_agreement_stops_the_rest(ask: Ask) -> None:
    arrol = {"samples": 32, "min_samples": 4, "early_stop": {"agreement": 0.8}, "vote": "uniform"}
    found = ask("What is 12*3+5?", arrol=arrol, seed=1).arrol
    assert found["stop"] == "agreement"
    assert found["samples"]["started"] < 32 or found["samples"]["cancelled"] > 0
    assert found["answer"] == "41"


def test_the_token_cap_is_kept(ask: Ask) -> None:
    found = ask(arrol={"samples": 8, "max_total_tokens": 120}, seed=1).arrol
    assert found["stop"] == "budget"
    assert 120 <= found["tokens"]["generated"] < 120 + 8


def test_a_deadline_answers_with_the_best_vote_so_far(server: Server) -> None:
    question = [{"role": "user", "content": "What is 12*3+5?"}]
    body = {"model": "arrol-tiny", "seed": 1, "messages": question, "arrol": {"samples": 64}}
    found, _ = first_answer(server, body, 0.2)
    assert found["stop"] in ("deadline", "all_done")
    assert found["answer"] == "41"


def test_a_deadline_with_nothing_usable_is_a_504(server: Server) -> None:
    body = {
        "model": "arrol-tiny",
        "messages": [{"role": "user", "content": "What is 947*83-17+29-64?"}],
        "arrol": {"samples": 64, "deadline_s": 0.1},
    }
    reply = server.post(body)
    assert reply.status_code == 504
    assert reply.json()["error"]["param"] == "arrol.deadline_s"
    server.wait_idle()


def test_stop_strings_end_candidates_and_keep_their_scores(ask: Ask) -> None:
    arrol = {"samples": 4, "return": "candidates", "answer": {"extract": "number"}}
    reply = ask(arrol=arrol, stop=["ok"], seed=1)
    assert all("ok" not in c["text"] for c in reply.arrol["candidates"])
    assert all(c["quality"] is not None for c in reply.arrol["candidates"])


def test_max_tokens_truncates_and_says_so(ask: Ask) -> None:
    reply = ask(arrol={"samples": 4}, max_tokens=5)
    assert reply.choices[0].finish_reason == "length"
    assert reply.arrol["samples"]["truncated"] == 4
    assert reply.arrol["votable"] is False
    assert reply.usage.completion_tokens == 20


def test_the_winner_keeps_its_logprobs(ask: Ask) -> None:
    reply = ask(arrol={"samples": 4, "return": "candidates"}, logprobs=True, top_logprobs=2, seed=1)
    entries = reply.choices[0].logprobs.content
    assert len(entries) == reply.arrol["tokens"]["winner"]
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in entries)


def test_free_text_falls_back_to_the_best_scored(ask: Ask) -> None:
    arrol = {"samples": 4, "answer": {"extract": "choice"}, "return": "candidates"}
    found = ask("What is 12*3+5?", arrol=arrol, seed=1).arrol
    assert (found["votable"], found["answer"], found["confidence"]) == (False, None, None)
    assert "note" in found


def test_a_regex_reads_the_answer(ask: Ask) -> None:
    arrol = {"samples": 4, "answer": {"extract": "regex", "regex": r"(\d+) ok"}}
    found = ask("What is 12*3+5?", arrol=arrol, seed=1).arrol
    assert found["answer"] == "41"


def test_a_regex_that_backtracking_engines_hang_on_costs_nothing(ask: Ask) -> None:
    arrol = {"samples": 1, "vote": "uniform"}
    arrol |= {"answer": {"extract": "regex", "regex": r"(.|\s|[^x])+#"}}
    found = ask("What is 12*3+5?", arrol=arrol, seed=1).arrol
    assert found["verifier_timeouts"] == 0
    assert found["votable"] is False


SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "result",
        "schema": {
            "type": "object",
            "properties": {"ok": {"type": "boolean"}},
            "required": ["ok"],
            "additionalProperties": False,
        },
    },
}


def test_structured_output_votes_on_canonical_json(ask: Ask) -> None:
    arrol = {"samples": 6, "answer": {"extract": "json", "json_pointer": "/ok"}}
    found = ask(arrol=arrol, response_format=SCHEMA, seed=1, max_tokens=60).arrol
    assert {vote["answer"] for vote in found["votes"]} <= {"true", "false"}
    assert found["votable"]


TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"carry": {"type": "boolean"}},
            "required": ["carry"],
            "additionalProperties": False,
        },
    },
}


def test_a_forced_tool_call_is_voted_on_and_returned(ask: Ask) -> None:
    choice = {"type": "function", "function": {"name": "add"}}
    arrol = {"samples": 6, "answer": {"extract": "json"}}
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    # The grammar allows any white space, and this model, which knows no JSON, would write no end.
    bias = {str(vocabulary[blank]): -100 for blank in "ĉĊčĠ"}
    reply = ask(
        arrol=arrol, tools=[TOOL], tool_choice=choice, seed=1, max_tokens=120, logit_bias=bias
    )
    (call,) = reply.choices[0].message.tool_calls
    assert call.function.name == "add"
    voted = json.loads(reply.arrol["answer"])
    assert voted == {"name": "add", "arguments": json.loads(call.function.arguments)}


def test_completions_search_too(client: OpenAI) -> None:
    reply = client.completions.create(
        model="arrol-tiny",
        prompt="<|user|>What is 12*3+5?<|end|><|assistant|>",
        max_tokens=60,
        seed=1,
        extra_body={"arrol": {"samples": 6}},
    )
    assert reply.arrol["answer"] == "41"
    assert "41" in reply.choices[0].text


def test_arrol_false_is_a_plain_request_under_an_alias(ask: Ask) -> None:
    assert "arrol" not in ask(model="duo", arrol=False, max_tokens=10).model_extra


def test_return_none_leaves_the_object_out(ask: Ask) -> None:
    reply = ask(arrol={"samples": 4, "return": "none"}, max_tokens=60)
    assert "arrol" not in reply.model_extra
    assert reply.usage.completion_tokens > 60


def test_metrics_count_searches(server: Server, ask: Ask) -> None:
    before = server.metric("arrol_candidates_total")
    ask(arrol={"samples": 5}, max_tokens=20)
    assert server.metric("arrol_candidates_total") == before + 5
