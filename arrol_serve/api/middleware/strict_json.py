"""JSON bodies as they are meant: no key stands twice, of which Python takes the last one without a word, and
no text holds half a surrogate pair, which nothing behind us can write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan.options import clip

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


class NotJson(InvalidRequest):
    """A body that Python cannot read, where its decoder does not say so itself."""

    code = "invalid_json"


def strict_loads(body: bytes) -> Any:
    """The parsed body. Raises ``json.JSONDecodeError``, and ``InvalidRequest`` for all else."""
    encoding = json.detect_encoding(body)
    try:
        text = body.decode(encoding)
        parsed = json.loads(text, object_pairs_hook=_unique)
        if _ESCAPED.search(text) and not _can_be_written(parsed):
            _check_texts(parsed, "")
    except (json.JSONDecodeError, InvalidRequest):
        raise
    except UnicodeDecodeError as error:
        raise NotJson(
            f"The body is not valid JSON: byte {error.start} is not {encoding.upper()}."
        ) from error
    except RecursionError as error:
        raise NotJson("The body is nested too deeply: send it flatter.") from error
    except ValueError as error:
        raise NotJson("The body has a number of too many digits: send it as text.") from error
    return parsed


def _can_be_written(parsed: Any) -> bool:
    """Quickly: a body may have a million texts, and most escapes are whole pairs."""
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_texts(value: Any, place: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(key, place)
            _check_texts(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_texts(inner, f"{place}.{index}")
    elif isinstance(value, str) and _HALF.search(value):
        at = clip(place.encode(errors="replace").decode()) or None
        said = "holds half a surrogate pair, which is no character: send whole ones."
        raise InvalidRequest(f"{at or 'A key of the body'} {said}", param=at)


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
