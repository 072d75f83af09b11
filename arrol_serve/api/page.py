"""GET /arrol: the page on which searches are asked and watched. Static files, which speak the public API."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "page"
PATH = "/arrol"
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",  # which means: ask whether it has changed
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Media types; the machine's own table may lack them or have others."""


class PageFiles(StaticFiles):
    """Starlette's, with the headers of a page that holds a key."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = FileResponse(full_path, status_code, stat_result=stat_result)
        del response.headers["last-modified"]  # wheels date all files alike
        response.headers["etag"] = _etag(Path(full_path), stat_result.st_mtime_ns)
        response.headers.update(HEADERS)
        kind = TYPES.get(Path(full_path).suffix)
        if kind is not None:
            response.headers["content-type"] = f"{kind}; charset=utf-8"
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


@cache
def _etag(path: Path, changed: int) -> str:
    del changed
    return f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'


files = PageFiles(directory=FOLDER)
router = APIRouter()
DOCUMENTED: dict[str, Any] = {
    "responses": {200: {"content": {"text/html": {}}, "description": "The page."}},
    "response_class": Response,
    "openapi_extra": {"security": [{}]},
}


@router.head(PATH, include_in_schema=False)
@router.get(PATH, **DOCUMENTED)
async def show_page(request: Request) -> Response:
    """The page on which searches are asked and watched. It needs no key; what it asks does."""
    return await files.get_response("index.html", request.scope)


@router.head(f"{PATH}/", include_in_schema=False)
@router.get(f"{PATH}/", include_in_schema=False)
async def go_to_page() -> Response:
    """Its addresses are relative to the place without a slash."""
    return RedirectResponse(f"..{PATH}", status_code=308)


def add_page(app: FastAPI) -> None:
    """The page, and the files that it loads."""
    app.include_router(router)
    app.mount(PATH, files)


def is_page(method: str | None, path: str) -> bool:
    """Whether a request is for one of these files."""
    return method in ("GET", "HEAD") and (path == PATH or path.startswith(f"{PATH}/"))
