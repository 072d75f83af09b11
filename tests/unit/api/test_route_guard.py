"""Routes that cannot search, whatever their body is written in."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from arrol_serve.api.middleware.route_guard import RouteGuard

SOUND = {"file": ("a.wav", b"RIFF" * 1000, "audio/wav")}


async def heard(request: Request) -> JSONResponse:
    """What reached the route."""
    async with request.form() as form:
        return JSONResponse({name: getattr(part, "size", part) for name, part in form.items()})


def post(**sent: Any) -> httpx.Response:
    inner = Starlette(routes=[Route("/v1/audio/transcriptions", heard, methods=["POST"])])
    app = RouteGuard(inner, aliases={"duo": ("tiny", {"samples": 2})})

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/v1/audio/transcriptions", **sent)

    return asyncio.run(call())


@pytest.mark.parametrize("files", [SOUND, None])
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "duo"}, "model"),
        ({"model": "tiny", "arrol": '{"samples": 2}'}, "arrol"),
    ],
)
def test_a_form_that_asks_for_a_search_is_refused(
    files: Any, fields: dict[str, str], param: str
) -> None:
    reply = post(data=fields, files=files)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, param)
    assert "/v1/chat/completions" in error["message"]


@pytest.mark.parametrize("files", [SOUND, None])
def test_another_form_reaches_its_route_whole(files: Any) -> None:
    reply = post(data={"model": "tiny", "language": "en"}, files=files)
    assert reply.json() == {"model": "tiny", "language": "en"} | ({"file": 4000} if files else {})


def test_a_form_that_cannot_be_read_is_left_to_its_route() -> None:
    reply = post(content=b"no boundary", headers={"content-type": "multipart/form-data"})
    assert reply.status_code in (400, 500)  # Starlette's own answer
    assert "arrol" not in reply.text
