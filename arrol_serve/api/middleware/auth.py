"""Authentication: every route asks for a key, where the server has any.

vLLM's own layer guards ``/v1`` and a few more prefixes, but not ``/invocations``, which generates too.
"""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from arrol_serve import metrics
from arrol_serve.admission.queue import Key
from arrol_serve.admission.rates import Rates
from arrol_serve.api.error_response import MESSAGES, error_body
from arrol_serve.api.middleware.caller import CALLER
from arrol_serve.api.page import is_page
from arrol_serve.keys import KeyRing, sent_key

OPEN = frozenset(
    ("/health", "/ping", "/metrics", "/version", "/load", "/docs", "/redoc", "/openapi.json")
)
"""What probes, Prometheus and browsers read without a key."""
SAID = {
    "concurrency": "This key may have {} requests running at once: wait until one has ended.",
    "requests": "This key may send {} requests a minute: wait.",
    "tokens": "This key may have {} tokens generated a minute: wait.",
}


class Auth:
    """ASGI middleware: 401 without one of the keys, 429 where a key has used up what it may."""

    def __init__(self, app: ASGIApp, keys: KeyRing | None, rates: Rates) -> None:
        """Without ``keys`` everybody is served, as one caller."""
        self.app, self._keys, self._rates = app, keys, rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope):
            await self.app(scope, receive, send)
            return
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        key = sent_key(headers)
        holder = self._keys.holder(key) if self._keys is not None else None
        if self._keys is None or holder is not None:
            CALLER.set(holder)
            if key is not None:
                scope = _as_bearer(scope, key)
            await self._limited(scope, receive, send, holder)
            return
        metrics.REFUSED.labels("key").inc()
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body, close = error_body(401, MESSAGES[401]), {"connection": "close"}  # it may send on
            response = JSONResponse(body, status_code=401, headers=close)
            await response(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, holder: Key) -> None:
        if scope.get("method") != "POST":
            await self.app(scope, receive, send)
            return
        refusal = self._rates.enter(holder)
        if refusal is not None:
            metrics.REFUSED.labels(refusal.reason).inc()
            body = error_body(429, SAID[refusal.reason].format(refusal.limit), code="rate_limited")
            wait = {"retry-after": str(refusal.retry_after_s)}
            await JSONResponse(body, status_code=429, headers=wait)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self._rates.leave(holder)


def _as_bearer(scope: Scope, key: str) -> Scope:
    """vLLM's own layer, further in, knows no other header."""
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    bearer = (b"authorization", f"Bearer {key}".encode("latin-1"))
    return {**scope, "headers": [*others, bearer]}


def _is_open(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    method = scope.get("method")
    # Browsers send OPTIONS without a key.
    return path in OPEN or method == "OPTIONS" or is_page(method, path)
