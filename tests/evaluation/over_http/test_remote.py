"""A server that fails, over real sockets: what is tried again, and what is said."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from trainer.errors import DataError
from trainer.evaluation.datasets import Item
from trainer.evaluation.over_http.endpoint import Endpoint, RemoteError
from trainer.evaluation.over_http.remote import NOT_SAID, Manner, Way, remote_backend, sample_remote
from trainer.evaluation.sampling import Settings, seed_of

GOOD = {
    "choices": [{"message": {"content": "The answer is 7."}, "finish_reason": "stop"}],
    "usage": {"completion_tokens": 6},
}
Answer = tuple[int, Any]
ITEM, SETTINGS = Item("x/1", "?", "7"), Settings(samples=2)
SEED = seed_of(SETTINGS, ITEM.id)


def choice(index: int, text: Any, **told: Any) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"content": text},
        "finish_reason": "stop",
        **told,
    }


class Scripted(ThreadingHTTPServer):
    """Gives the answers of ``script`` in turn, then good ones; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Answer] = []
        self.asked: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        status, said = self.server.script.pop(0) if self.server.script else (200, GOOD)
        data = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def endpoint(server: Scripted) -> Endpoint:
    url = f"http://127.0.0.1:{server.server_port}/v1/"
    return Endpoint(url, "m", concurrency=1, first_pause_s=0.001)


def sample(server: Scripted) -> Any:
    return asyncio.run(
        sample_remote(endpoint(server), Manner(Way.SINGLY), "unpruned", [ITEM], SETTINGS)
    )


def test_a_failure_that_may_pass_is_tried_again(scripted: Scripted) -> None:
    scripted.script = [(503, {"error": {"message": "loading"}}), (429, {}), (200, GOOD)]
    (replies,) = sample(scripted)
    assert [(r.text, r.tokens) for r in replies] == [("The answer is 7.", 6)] * 2
    assert [body["seed"] for body in scripted.asked] == [SEED, SEED, SEED, SEED + 1]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([(400, {"error": {"message": "too long"}})], "x/1: .* answers 400: too long"),
        ([(401, {"detail": "no"})], "answers 401: "),
        ([(200, [1])], "no JSON object"),
        ([(200, "<html>\n<b>hello")], "no JSON object .*: '<html> <b>hello'.* --url must be"),
        ([(404, "<html>\nnothing")], "answers 404: <html> nothing. Look at --model, and at --url"),
        ([(200, {"choices": []})], "no chat completion"),
        ([(200, {**GOOD, "usage": None})], "no chat completion"),
        ([(200, {"choices": [choice(0, ["a list"])]})], "no chat completion"),
        ([(200, {**GOOD, "choices": [{"message": None, "finish_reason": "stop"}]})], "no chat"),
        ([(200, {**GOOD, "arrol": {"applied": True}})], "ran a search where plain samples"),
        ([(500, {})] * 6, "no answer in 6 tries"),
    ],
)
def test_a_failure_that_stays_is_told(scripted: Scripted, script: list[Answer], why: str) -> None:
    scripted.script = script
    with pytest.raises(RemoteError, match=why):
        sample(scripted)


def test_nobody_at_home() -> None:
    nobody = Endpoint("http://127.0.0.1:9/v1", "m", first_pause_s=0.001)
    with pytest.raises(RemoteError, match=r"gave no answer in 3 tries .*Is the server up"):
        remote_backend(nobody, Settings())


def test_a_server_that_refuses_unknown_fields_is_asked_singly(scripted: Scripted) -> None:
    refused = (400, {"error": "unknown field"})
    scripted.script = [refused] * 5
    backend = remote_backend(endpoint(scripted), SETTINGS)
    assert (backend.through, backend.offers, backend.notes) == ("openai", frozenset(), (NOT_SAID,))
    assert scripted.asked[1]["n"] == 2
    assert scripted.asked[-1].keys() == {"model", "messages", "max_tokens"}
    scripted.script = [refused] * 5
    with pytest.raises(DataError, match=r"--top-k 20: .* does not take top_k"):
        remote_backend(endpoint(scripted), Settings(samples=2, top_k=20))
    scripted.script = [refused] * 6
    with pytest.raises(RemoteError, match="answers 400"):
        remote_backend(endpoint(scripted), SETTINGS)


def test_filters_are_said_where_they_are_taken(scripted: Scripted) -> None:
    settings = Settings(samples=1, top_p=0.9, top_k=20)
    backend = remote_backend(endpoint(scripted), settings)
    backend.sampler("unpruned", [ITEM])
    said = {key: scripted.asked[-1][key] for key in ("top_p", "top_k", "min_p")}
    assert said == {"top_p": 0.9, "top_k": 20, "min_p": 0.0}
    assert backend.notes == ()
    scripted.script = [(200, {"choices": [], "arrol": {"head": None}})]
    search = remote_backend(endpoint(scripted), settings)
    assert search.through == "arrol-serve"
    assert scripted.asked[-1]["top_k"] == 20


@pytest.mark.parametrize(
    ("fates", "why"),
    [
        (["finished"], "asked for 2 candidates, got 1"),
        (["finished", "pruned"], "1 of 2 candidates were pruned"),
        (["cancelled", "finished"], "1 of 2 candidates were called off"),
    ],
)
def test_a_search_that_was_not_what_was_asked_for_is_refused(
    fates: list[str], why: str, scripted: Scripted
) -> None:
    told = {"text": "7", "tokens": 1, "quality": None, "confidence": None}
    reply = {"arrol": {"candidates": [{**told, "fate": fate} for fate in fates]}}
    scripted.script = [(200, reply)]
    job = sample_remote(endpoint(scripted), Manner(Way.SEARCH), "unpruned", [ITEM], SETTINGS)
    with pytest.raises(RemoteError, match=f"x/1: {why}"):
        asyncio.run(job)
    (body,) = scripted.asked
    nothing = ("prune", "early_stop", "min_samples", "deadline_s", "max_total_tokens")
    assert all(body["arrol"][key] is None for key in nothing)


@pytest.mark.parametrize(
    ("first", "told", "field"),
    [
        ([], [{"token_ids": [5, 6]}, {"token_ids": [7]}], "return_token_ids"),
        (
            [(200, {"choices": [choice(0, "one alone")]})],
            [{"logprobs": {"content": [{}, {}]}}, {"logprobs": {"content": [{}]}}],
            "logprobs",
        ),
    ],
)
def test_one_request_a_question_where_the_tokens_of_each_choice_are_told(
    first: list[Answer], told: list[dict[str, Any]], field: str, scripted: Scripted
) -> None:
    both = {"choices": [choice(1, "two", **told[1]), choice(0, "one", **told[0])]}
    scripted.script = [(200, GOOD), *first, (200, both), (200, both)]
    backend = remote_backend(endpoint(scripted), SETTINGS)
    assert backend.through == "openai-n"
    (replies,) = backend.sampler("unpruned", [ITEM])
    assert [(r.text, r.tokens) for r in replies] == [("one", 2), ("two", 1)]
    last = scripted.asked[-1]
    assert (last["n"], last["seed"], last[field]) == (2, SEED, True)
    scripted.script = [(200, {"choices": both["choices"][:1]})]
    with pytest.raises(RemoteError, match="x/1: 1 choices in a reply to a request for 2"):
        backend.sampler("unpruned", [ITEM])
