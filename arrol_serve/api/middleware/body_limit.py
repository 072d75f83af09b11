"""Refuses requests whose bodies are too large, before they are in memory."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arrol_serve import metrics
from arrol_serve.api.error_response import error_body


class BodyLimit:
    """ASGI middleware: 413 above ``limit`` bytes, by the announced length or by counting."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > self._limit:
            metrics.REFUSED.labels("body").inc()
            close = {"connection": "close"}  # nobody reads the rest
            response = JSONResponse(error_body(413, self._said()), status_code=413, headers=close)
            await response(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                metrics.REFUSED.labels("body").inc()
                # FastAPI hands on no other exception from here.
                raise HTTPException(413, self._said(), {"connection": "close"})
            return message

        await self.app(scope, counted, send)

    def _said(self) -> str:
        return (
            f"The request's body is larger than the {self._limit} bytes that this server takes: "
            "send less, or raise max_body_bytes in its configuration."
        )
