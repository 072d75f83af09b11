"""Routes that cannot search say so, instead of answering without one.

Where only tokens are counted an alias stands for its model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arrol_serve.api.error_response import arrol_error_body
from arrol_serve.api.middleware.strict_json import strict_loads
from arrol_serve.api.refusals import LONGEST_ID
from arrol_serve.api.ticket import TICKET
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import HEADER, XARG
from arrol_serve.sampling_plan.options import clip

SEARCHING = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
"""Audio is sent so."""
COUNTING = ("/tokenize", "/detokenize", "/v1/messages/count_tokens")


class RouteGuard:
    """ASGI middleware around vLLM's routes."""

    def __init__(self, app: ASGIApp, aliases: Mapping[str, tuple[str, Any]]) -> None:
        """``aliases``: alias -> (served model, its ``arrol`` object)."""
        self.app, self._aliases = app, aliases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        TICKET.set(None)  # a connection's next request may start in the context of the one before
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        try:
            if len(headers.get("x-request-id", "")) > LONGEST_ID:
                raise InvalidRequest(
                    f"X-Request-Id may have at most {LONGEST_ID} characters.", param="X-Request-Id"
                )
            if scope["method"] == "POST" and path not in SEARCHING:
                receive = await self._looked_at(path, headers, receive)
        except InvalidRequest as error:
            await JSONResponse(arrol_error_body(error), status_code=400)(scope, receive, send)
            return
        except HTTPException as error:  # the body is too large
            told = JSONResponse({"detail": error.detail}, error.status_code, error.headers)
            await told(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _looked_at(self, path: str, headers: Mapping[str, str], receive: Receive) -> Receive:
        """``receive`` of a request that asks for nothing that the route cannot do."""
        kind = headers.get("content-type", "").lower()
        if not kind:  # nothing is sent that could be answered
            return receive
        counting = path in COUNTING
        named = next((name for name in headers if name.startswith(HEADER)), None)
        if named is not None and not counting:
            raise _cannot(path, named.title())
        if not kind.startswith(("application/json", *FORMS)):
            return receive
        messages, body = await _read(receive)
        if kind.startswith(FORMS):
            self._check(path, await _fields(headers, body))
            return _again(messages, receive)
        try:
            parsed = strict_loads(body)
        except json.JSONDecodeError:
            return _again(messages, receive)  # the route says what is wrong with it
        if not isinstance(parsed, dict):
            return _again(messages, receive)
        if not counting:
            self._check(path, parsed)
        elif (alias := self._alias(parsed)) is not None:
            changed = json.dumps({**parsed, "model": alias[0]}).encode()
            return _again([{"type": "http.request", "body": changed}], receive)
        return _again(messages, receive)

    def _check(self, path: str, body: Mapping[str, Any]) -> None:
        if body.get("arrol") not in (None, False):
            raise _cannot(path, "arrol")
        xargs = body.get("vllm_xargs")
        for key in xargs if isinstance(xargs, dict) else ():
            if key.lower().startswith((XARG, "arrol")):
                raise _cannot(path, f"vllm_xargs.{clip(key)}")
        if (alias := self._alias(body)) is not None:
            raise InvalidRequest(
                f"The model {body['model']!r} is an alias that asks for a search, which {path} cannot "
                f"do: name {alias[0]!r} here, or ask on {' or '.join(SEARCHING)}.",
                param="model",
            )

    def _alias(self, body: Mapping[str, Any]) -> tuple[str, Any] | None:
        model = body.get("model")
        return self._aliases.get(model) if isinstance(model, str) else None


def _cannot(path: str, param: str) -> InvalidRequest:
    return InvalidRequest(
        f"{param} asks for a search, which {clip(path)} cannot do: ask on {' or '.join(SEARCHING)}, "
        "or remove it.",
        param=param,
    )


async def _read(receive: Receive) -> tuple[list[Message], bytes]:
    """The whole body, and the messages that it came in; less if the client has left."""
    messages: list[Message] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages, b"".join(m.get("body", b"") for m in messages)


async def _fields(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """A form's texts; none of one that cannot be read, which the route complains of."""
    lines = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]
    whole: list[Message] = [{"type": "http.request", "body": body}]
    request = Request({"type": "http", "headers": lines}, _again(whole, _nothing))
    try:
        async with request.form() as form:
            return {name: value for name, value in form.items() if isinstance(value, str)}
    except (MultiPartException, ValueError):
        return {}


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _again(messages: list[Message], receive: Receive) -> Receive:
    """``messages`` once more, and then what comes."""
    left = iter(messages)

    async def replay() -> Message:
        message = next(left, None)
        return await receive() if message is None else message

    return replay
