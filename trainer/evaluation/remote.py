"""Replies from a server with OpenAI's API. ``arrol-serve`` runs whole searches and scores them; from
any other one each sample is a request of its own: its tokens are then known, and ``n`` is not needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from arrol_serve.errors import ArrolError
from arrol_serve.rollout import Fate, fate_of
from trainer.evaluation.backends import Backend
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply
from trainer.evaluation.needs import CONFIDENCE, HEAD, PRUNING, SEARCHES
from trainer.evaluation.sampling import ADAPTIVE, AGREEMENT, Settings, policy_of, seed_of

TRIES = 6
LONGEST_PAUSE_S = 30.0
PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
"""Statuses that may pass."""
SHOWN = 500


class RemoteError(ArrolError, RuntimeError):
    """The server cannot be reached, or refuses; what was sampled before is kept."""


class BadRequest(RemoteError):
    """It does not take the request as it stands."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``url`` ends in ``/v1``; ``concurrency`` is how many requests are under way at once."""

    url: str
    model: str
    key: str | None = None
    concurrency: int = 8
    timeout_s: float = 600.0
    first_pause_s: float = 0.5
    """Before the second try; doubled each time, unless the server says how long."""

    def client(self) -> httpx.AsyncClient:
        headers = {} if self.key is None else {"authorization": f"Bearer {self.key}"}
        limits = httpx.Limits(max_connections=self.concurrency)
        timeout = httpx.Timeout(self.timeout_s, connect=10.0)
        return httpx.AsyncClient(
            base_url=self.url.rstrip("/"), headers=headers, limits=limits, timeout=timeout
        )


def remote_backend(endpoint: Endpoint, settings: Settings) -> Backend:
    """Asks the server what it is. Raises ``RemoteError``."""
    told = asyncio.run(_probe(endpoint))
    searches = told is not None
    offers = {CONFIDENCE, PRUNING, SEARCHES} if searches else set()
    if told and told.get("head"):
        offers.add(HEAD)

    def sampler(arm: str, items: Sequence[Item], start: int) -> list[list[Reply]]:
        return asyncio.run(sample_remote(endpoint, searches, arm, items, start, settings))

    return Backend("arrol-serve" if searches else "openai", frozenset(offers), sampler)


async def _probe(endpoint: Endpoint) -> Mapping[str, Any] | None:
    """One token: the ``arrol`` object of the reply, None from other servers."""
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
    }
    async with endpoint.client() as http:
        try:
            search = {"samples": 1, "return": "candidates"}
            reply = await _post(endpoint, http, {**body, "arrol": search}, "a first request")
        except BadRequest:
            await _post(endpoint, http, body, "a first request")  # it may refuse unknown fields
            return None
    told = reply.get("arrol")
    return told if isinstance(told, dict) else None


async def sample_remote(
    endpoint: Endpoint,
    searches: bool,
    arm: str,
    items: Sequence[Item],
    start: int,
    settings: Settings,
) -> list[list[Reply]]:
    """As ``sampling.sample``, with the same seeds. Raises ``RemoteError`` naming the question."""
    gate = asyncio.Semaphore(endpoint.concurrency)
    ask = _search if searches else _singly
    async with endpoint.client() as http:
        jobs = []
        for place, item in enumerate(items, start):
            body = {
                "model": endpoint.model,
                "messages": [{"role": "user", "content": item.question}],
                "temperature": settings.temperature,
                "max_tokens": settings.max_tokens,
                "seed": seed_of(settings, place),
            }
            jobs.append(ask(_Call(endpoint, http, gate, item.id), arm, body, settings))
        return await asyncio.gather(*jobs)


@dataclass(frozen=True, slots=True)
class _Call:
    endpoint: Endpoint
    http: httpx.AsyncClient
    gate: asyncio.Semaphore
    what: str

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        async with self.gate:
            return await _post(self.endpoint, self.http, body, self.what)


async def _search(
    call: _Call, arm: str, body: Mapping[str, Any], settings: Settings
) -> list[Reply]:
    policy = policy_of(arm, settings.keep)
    # Only this vote makes the engine compute both signals; we count the votes ourselves.
    arrol: dict[str, Any] = {
        "samples": settings.samples,
        "vote": "confidence",
        "return": "candidates",
    }
    if arm == ADAPTIVE:
        first = min(settings.samples, max(2, settings.samples // 4))
        arrol |= {"vote": "uniform", "early_stop": {"agreement": AGREEMENT}, "min_samples": first}
    if policy is not None:
        name = policy["name"]
        arrol["prune"] = {"policy": name, "keep": policy["keep"], "probes": [settings.probe]}
    reply = await call.post({**body, "arrol": arrol})
    try:
        return [
            Reply(c["text"], c["tokens"], Fate(c["fate"]), c["quality"], c["confidence"])
            for c in reply["arrol"]["candidates"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise RemoteError(f"{call.what}: the reply holds no candidates ({error!r})") from error


async def _singly(
    call: _Call, _arm: str, body: Mapping[str, Any], settings: Settings
) -> list[Reply]:
    seed = body["seed"]
    bodies = [{**body, "seed": seed + i} for i in range(settings.samples)]
    return [_reply(call.what, r) for r in await asyncio.gather(*map(call.post, bodies))]


def _reply(what: str, reply: Mapping[str, Any]) -> Reply:
    try:
        (choice,) = reply["choices"]
        text = choice["message"].get("content") or ""
        return Reply(
            text, int(reply["usage"]["completion_tokens"]), fate_of(choice["finish_reason"], None)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(f"{what}: the reply is no chat completion ({error!r})") from error


async def _post(
    endpoint: Endpoint, http: httpx.AsyncClient, body: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """The reply; tried again where that may help. Raises ``RemoteError``."""
    pause, problem = endpoint.first_pause_s, ""
    for attempt in range(TRIES):
        wait = pause * 2**attempt
        try:
            reply = await http.post("/chat/completions", json=body)
            if reply.is_success:
                return dict(reply.json())
            problem = f"{reply.status_code}: {_message(reply)}"
            if reply.status_code not in PASSING:
                error_type = BadRequest if reply.status_code in (400, 422) else RemoteError
                raise error_type(f"{what}: {endpoint.url} answers {problem}")
            wait = _retry_after(reply, wait)
        except httpx.TransportError as error:
            problem = str(error) or type(error).__name__
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
            raise RemoteError(f"{what}: {endpoint.url}: {error or type(error).__name__}") from error
        if attempt + 1 < TRIES:
            await asyncio.sleep(min(wait, LONGEST_PAUSE_S))
    raise RemoteError(
        f"{what}: {endpoint.url} gave no answer in {TRIES} tries ({problem}). What was kept is kept: "
        "the same command goes on from there."
    )


def _retry_after(reply: httpx.Response, otherwise: float) -> float:
    try:
        return max(0.0, float(reply.headers["retry-after"]))
    except (KeyError, ValueError):
        return otherwise


def _message(reply: httpx.Response) -> str:
    try:
        error = reply.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:SHOWN]
    except (ValueError, KeyError, TypeError):
        return reply.text[:SHOWN]
