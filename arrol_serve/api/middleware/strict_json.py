"""JSON bodies in which no key stands twice: Python takes the last one, and the client never knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan.options import clip


def strict_loads(body: bytes) -> Any:
    """The parsed body. Raises ``json.JSONDecodeError``; ``InvalidRequest`` for a key that stands twice."""
    return json.loads(body, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    said = f"The key {clip(key)!r} stands twice in one object of the body: send it once."
    raise InvalidRequest(said, param=clip(key))


class _StrictRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = strict_loads(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route whose body is parsed once, by ``strict_loads``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            try:
                return await handler(_StrictRequest(request.scope, request.receive))
            except HTTPException as error:  # FastAPI's for whatever fails where it parses
                if isinstance(error.__cause__, InvalidRequest):
                    raise error.__cause__ from None
                raise

        return strict
