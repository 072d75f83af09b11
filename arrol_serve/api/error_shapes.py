"""The error forms of routes that are not OpenAI's completions, made of OpenAI's."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from arrol_serve.api.sse import DONE, named_event, sse_line

ANTHROPIC_ROUTES = "/v1/messages"
RESPONSES_ROUTES = "/v1/responses"
ANTHROPIC_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


OWN_NAMES = {
    ANTHROPIC_ROUTES: {"max_completion_tokens": "max_tokens", "stop": "stop_sequences"},
    RESPONSES_ROUTES: {"max_tokens": "max_output_tokens", "response_id": "previous_response_id"},
}
"""What a route calls a field that vLLM complains of by the name that chat completions have for it."""


class AnthropicErrorInfo(TypedDict):
    type: str
    message: str
    param: str | None
    code: str | None


class AnthropicErrorBody(TypedDict):
    """An error of a route of Anthropic's API, with OpenAI's ``param`` and ``code`` beside it."""

    type: Literal["error"]
    error: AnthropicErrorInfo


def anthropic_error(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """Anthropic's form of an OpenAI error body."""
    inner = body["error"]
    kind = ANTHROPIC_KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    beside = {"param": inner.get("param"), "code": inner.get("code")}
    return {"type": "error", "error": {"type": kind, "message": inner["message"], **beside}}


def response_error_event(body: dict[str, Any]) -> dict[str, Any]:
    """The event that ends a stream of the responses API; its number is still to be set."""
    return {
        "type": "error",
        **{key: body["error"].get(key) for key in ("code", "message", "param")},
    }


def shaped_for(path: str, status: int, body: dict[str, Any]) -> dict[str, Any]:
    """An OpenAI error body as the route at ``path`` says it."""
    return anthropic_error(status, body) if path.startswith(ANTHROPIC_ROUTES) else body


def last_words(path: str, status: int, body: dict[str, Any]) -> str:
    """What ends the stream of the route at ``path`` with an error."""
    if path.startswith(ANTHROPIC_ROUTES):
        return named_event(anthropic_error(status, body))
    if path.startswith(RESPONSES_ROUTES):
        return named_event(response_error_event(body))
    return f"{sse_line(body)}{DONE}"
