"""Who may come in: every route asks for a key, where the server has any.

vLLM's own layer guards ``/v1`` and a few more prefixes, but not ``/invocations``, which generates too.
"""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from arrol_serve.api.error_response import MESSAGES, error_body
from arrol_serve.keys import KeyRing

OPEN = frozenset(
    ("/health", "/ping", "/metrics", "/version", "/load", "/docs", "/redoc", "/openapi.json")
)
"""What probes, Prometheus and browsers read without a key."""


class Gate:
    """ASGI middleware: 401 without one of the keys."""

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self.app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope):
            await self.app(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if self._keys.holder(sent) is not None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            response = JSONResponse(error_body(401, MESSAGES[401]), status_code=401)
            await response(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in OPEN or scope.get("method") == "OPTIONS"  # which browsers send without a key
