"""A server with OpenAI's API: one request, tried again where that may help, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from arrol_serve.errors import ArrolError

TRIES, FIRST_TRIES = 6, 3
"""Tries of a request in the run, and of one before it, when nothing can be lost yet."""
LONGEST_PAUSE_S = 30.0
PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
"""Statuses that may pass."""
SHOWN = 300


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


@dataclass(frozen=True, slots=True)
class Call:
    """Requests for one question; ``what`` names it in messages."""

    endpoint: Endpoint
    http: httpx.AsyncClient
    gate: asyncio.Semaphore
    what: str
    tries: int = TRIES

    async def post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The reply; tried again where that may help. Raises ``RemoteError``."""
        async with self.gate:
            return await self._post(body)

    async def _post(self, body: Mapping[str, Any]) -> dict[str, Any]:
        where, problem = f"{self.what}: {self.endpoint.url}", ""
        for attempt in range(self.tries):
            wait = self.endpoint.first_pause_s * 2**attempt
            try:
                reply = await self.http.post("/chat/completions", json=body)
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise RemoteError(f"{where}: {error or type(error).__name__}") from error
            else:
                if reply.is_success:
                    return _body(reply, where)
                problem = f"{reply.status_code}: {_message(reply)}"
                if reply.status_code not in PASSING:
                    error_type = BadRequest if reply.status_code in (400, 422) else RemoteError
                    raise error_type(f"{where} answers {problem}{_hint(reply)}")
                wait = _retry_after(reply, wait)
            if attempt + 1 < self.tries:
                await asyncio.sleep(min(wait, LONGEST_PAUSE_S))
        raise RemoteError(
            f"{where} gave no answer in {self.tries} tries ({problem}). Is the server up? What was "
            "kept is kept: the same command goes on from there."
        )


def _body(reply: httpx.Response, where: str) -> dict[str, Any]:
    try:
        return dict(reply.json())
    except (ValueError, TypeError) as error:
        kind = reply.headers.get("content-type", "nothing that says what it is")
        raise RemoteError(
            f"{where} answers with no JSON object ({kind}): {_clip(reply.text)!r}. --url must be that "
            "of an OpenAI API, such as http://127.0.0.1:8000/v1"
        ) from error


def _retry_after(reply: httpx.Response, otherwise: float) -> float:
    try:
        return max(0.0, float(reply.headers["retry-after"]))
    except (KeyError, ValueError):
        return otherwise


def _message(reply: httpx.Response) -> str:
    try:
        error = reply.json()["error"]
        return _clip(str(error["message"] if isinstance(error, dict) else error))
    except (ValueError, KeyError, TypeError):
        return _clip(reply.text)


def _hint(reply: httpx.Response) -> str:
    """What the status is mostly about."""
    return {
        401: ". The key is read from the variable that --api-key-env names",
        404: ". Look at --model, and at --url, which mostly ends in /v1",
    }.get(reply.status_code, "")


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[:SHOWN] + "..."
