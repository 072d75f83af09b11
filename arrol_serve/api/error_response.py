"""The only place where errors get their HTTP form: ``{"error": {message, type, param, code}}``.

vLLM, FastAPI, the router and the authentication layer each have a shape of their own; the
middleware turns all of them into OpenAI's, in whole responses and in streams.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import ClientError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict

from arrol_serve.api.error_shapes import OWN_NAMES, shaped_for
from arrol_serve.api.sse import DATA, sse_line
from arrol_serve.errors import ArrolError, Overloaded, complaint
from arrol_serve.sampling_plan.options import clip

_STREAMED_ERROR = b'data: {"error"'
_CONTEXT = re.compile(r"maximum (?:context|model) length|max_model_len", re.IGNORECASE)
_TYPE_MARKER = re.compile(
    r"[\[\]{}()]|^(?:str|int|float|bool|list|dict|none|nullable|union)$|^[A-Z][A-Za-z]+$"
)

CODES = {
    400: "invalid_value",
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "overloaded",
    500: "internal_error",
    501: "not_implemented",
    503: "engine_unavailable",
    504: "deadline_exceeded",
}
KINDS = {401: "authentication_error", 429: "rate_limit_error", 504: "timeout_error"}
MESSAGES = {
    401: "The API key is missing or wrong: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
    404: "There is no such route: see /docs for those that exist.",
    405: "This route does not take that method: see the Allow header.",
}
"""Messages in place of the bare phrases of the router and the authentication layer."""
EMPTY_BODY = "The body is empty, or null: send a JSON object with Content-Type: application/json."
INTERNAL = "Internal server error. The server's log has the details."


LONGEST_MESSAGE = 2000
"""Characters: some messages repeat what the client sent."""


class ErrorInfo(TypedDict):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(TypedDict):
    """Every error of the server."""

    error: ErrorInfo


def error_body(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """The body for ``status``. ``type`` follows OpenAI's names."""
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    message, param = clip(message, LONGEST_MESSAGE), param and clip(param)
    code = code or CODES.get(status, "invalid_value" if status < 500 else "internal_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def arrol_error_body(error: ArrolError) -> dict[str, Any]:
    body = error_body(error.status, error.message, error.param, error.code)
    body["error"]["type"] = error.kind
    return body


def error_of(failure: BaseException) -> tuple[int, dict[str, Any]]:
    """Status and body for what ended a stream: ours, if it is behind what vLLM made of it."""
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, ArrolError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return 500, error_body(500, "The server failed. Try again.")
    return cause.status, arrol_error_body(cause)


async def arrol_error_handler(_: Request, error: Exception) -> JSONResponse:
    """Handler for ``ArrolError`` and its children."""
    if not isinstance(error, ArrolError):
        raise error
    extra = {"retry-after": str(error.retry_after_s)} if isinstance(error, Overloaded) else None
    return JSONResponse(arrol_error_body(error), status_code=error.status, headers=extra)


async def validation_handler(_: Request, error: Exception) -> JSONResponse:
    """FastAPI's and pydantic's validation: 400 with the field in ``param``."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = next(iter(error.errors()), "The request is not valid.")
    if not isinstance(first, dict):
        return JSONResponse(error_body(400, str(first)), status_code=400)
    if first.get("type") == "json_invalid":
        reason = first.get("ctx", {}).get("error", "it does not parse")
        body = error_body(400, f"The body is not valid JSON: {reason}.", code="invalid_json")
        return JSONResponse(body, status_code=400)
    param = field_name(first.get("loc", ()))
    if param is None and first.get("type") == "missing":
        body = error_body(400, EMPTY_BODY, code="invalid_json")
        return JSONResponse(body, status_code=400)
    named = [field_name(e.get("loc", ())) for e in error.errors()]
    # A text or a list is not a text where it is a list: what is wrong inside says more.
    param = next((name for name in named if name and name.startswith(f"{param}.")), param)
    same = (complaint(e) for e, name in zip(error.errors(), named, strict=True) if name == param)
    message = " / ".join(list(dict.fromkeys(same))[:4])  # a union says one thing for each member
    shown = f"{param}: {message}." if param else f"{message}."
    return JSONResponse(error_body(400, shown, param), status_code=400)


def field_name(loc: tuple[int | str, ...]) -> str | None:
    """A pydantic location as a client would write it, without the names of types on the way."""
    parts = [str(part) for part in loc if part != "body" and not _TYPE_MARKER.search(str(part))]
    return ".".join(parts) or None


NOT_FETCHED = (
    "A picture, sound or video could not be fetched from its URL ({}): send it as a data URL, "
    "or try again."
)
NOT_LOCAL = "--allowed-local-media-path"


async def media_handler(_: Request, error: Exception) -> JSONResponse:
    """What vLLM meets when it fetches what a prompt shows, and makes a 500 of."""
    if isinstance(error, ClientError):
        body = error_body(400, NOT_FETCHED.format(error), code="media_not_fetched")
        return JSONResponse(body, status_code=400)
    if NOT_LOCAL not in str(error):
        raise error
    return JSONResponse(error_body(400, str(error)), status_code=400)


async def crash_handler(_: Request, __: Exception) -> JSONResponse:
    """Unforeseen errors. The framework logs the traceback; the client sees none of it."""
    closes = {"connection": "close"}  # as uvicorn does after an exception
    return JSONResponse(error_body(500, INTERNAL), status_code=500, headers=closes)


def reshape(
    status: int, body: Any, names: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, dict[str, Any]]:
    """Any error body as (status, OpenAI body). FastAPI's 422 becomes 400.

    ``names``: what the route calls fields that vLLM may complain of.
    """
    status = 400 if status == 422 else status
    inner = body.get("error", body.get("detail", body)) if isinstance(body, dict) else body
    if isinstance(inner, dict) and isinstance(inner.get("code"), str) and "message" in inner:
        return status, {"error": inner}
    if not isinstance(inner, dict):
        return status, error_body(status, MESSAGES.get(status) or str(inner))
    message, param = str(inner.get("message", inner)), inner.get("param")
    param = names.get(param, param) if isinstance(param, str) else param
    code = None
    if "Traceback (most recent call last)" in message:
        message = INTERNAL
    elif param == "extra_args":  # vLLM's name for it
        message, param = message.replace("extra_args", "vllm_xargs"), "vllm_xargs"
    elif status == 404 and param == "model":
        message, code = f"{message} GET /v1/models lists those that do.", "model_not_found"
    elif status == 400 and _CONTEXT.search(message):
        code = "context_length_exceeded"
    elif status == 503 and inner.get("type") == "Service Unavailable":  # vLLM's admission control
        code = "overloaded"
    return status, error_body(status, message, param, code)


class ErrorShapeMiddleware:
    """Holds back error responses only, and rewrites their bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def shaped(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and message["status"] >= 400:
                start = message
            elif start is None:
                await send(_shaped_event(message))
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    held, start = start, None
                    await _send_shaped(send, held, body, scope["path"])

        await self.app(scope, receive, shaped)


def _shaped_event(message: Message) -> Message:
    """A failure in the middle of a stream, which vLLM sends as one event; all else as it is."""
    payload = message.get("body", b"")
    if not payload.startswith(_STREAMED_ERROR):
        return message
    try:
        body = json.loads(payload[len(DATA) :])
        code = body["error"].get("code")
    except (ValueError, AttributeError):
        return message
    shaped = reshape(code if isinstance(code, int) else 500, body)[1]
    return {**message, "body": sse_line(shaped).encode()}


async def _send_shaped(send: Send, start: Message, body: bytes, path: str) -> None:
    try:
        parsed = json.loads(body) if body else ""
    except ValueError:
        parsed = body.decode("utf-8", "replace")
    told = parsed or CODES.get(start["status"], "error")
    status, shaped = reshape(start["status"], told, OWN_NAMES.get(path, {}))
    payload = json.dumps(shaped_for(path, status, shaped), ensure_ascii=False).encode()
    own = (b"content-length", b"content-type")
    kept = [(name, value) for name, value in start["headers"] if name.lower() not in own]
    if status in (429, 503) and all(name.lower() != b"retry-after" for name, _ in kept):
        kept.append((b"retry-after", b"1"))
    kept += [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(payload)).encode()),
    ]
    await send({**start, "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": payload})


def install(app: FastAPI, layers: Iterable[Middleware] = ()) -> None:
    """Put ``layers`` around ``app``, innermost first, and give every error its form.

    Call last: what is added last is outermost.
    """
    app.middleware_stack = None  # vLLM's SageMaker layer builds it before plugins are through
    app.add_exception_handler(ArrolError, arrol_error_handler)
    app.add_exception_handler(RequestValidationError, validation_handler)
    for kind in (ClientError, RuntimeError):
        app.add_exception_handler(kind, media_handler)
    app.add_exception_handler(Exception, crash_handler)  # runs outside of every middleware
    for layer in (*layers, Middleware(ErrorShapeMiddleware)):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
