"""The page's files: who gets them, with which headers, and that nothing else comes with them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from arrol_serve.admission.rates import Rates
from arrol_serve.api.error_response import install
from arrol_serve.api.middleware.auth import Auth
from arrol_serve.api.page import FOLDER, PATH, add_page, is_page
from arrol_serve.keys import KeyRing

FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())


def app() -> FastAPI:
    made = FastAPI()
    add_page(made)

    @made.get("/v1/models")
    async def models() -> dict[str, str]:
        return {"object": "list"}

    install(made)
    made.add_middleware(Auth, keys=KeyRing(["secret"]), rates=Rates(None, None, None))
    return made


def ask(path: str, method: str = "GET", root: str = "", **headers: str) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app(), root_path=root)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            return await http.request(method, httpx.URL(path), headers=headers)

    return asyncio.run(run())


def test_the_page_and_its_files_need_no_key() -> None:
    reply = ask(PATH)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.content == (FOLDER / "index.html").read_bytes()
    for name in FILES:
        found = ask(f"{PATH}/{name}")
        assert found.content == (FOLDER / name).read_bytes()
        assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("suffix", "kind"), [("html", "text/html"), ("js", "text/javascript"), ("css", "text/css")]
)
def test_files_say_what_they_are(suffix: str, kind: str) -> None:
    for name in FILES:
        if name.endswith(f".{suffix}"):
            assert ask(f"{PATH}/{name}").headers["content-type"] == f"{kind}; charset=utf-8"


def test_the_page_runs_nothing_foreign_and_stands_in_no_frame() -> None:
    headers = ask(PATH).headers
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


def test_no_file_leads_to_another_host() -> None:
    for name in FILES:
        text = (FOLDER / name).read_text(errors="replace")
        foreign = re.findall(
            r"""(?:src|href|from|import)\s*[=(]?\s*["'](?:https?:)?//[^"']+""", text
        )
        assert not foreign, name


@pytest.mark.parametrize("path", [PATH, f"{PATH}/index.html"])
def test_what_has_not_changed_is_not_sent_again(path: str) -> None:
    first = ask(path)
    assert first.headers["cache-control"] == "no-cache"
    again = ask(path, **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert ask(path, **{"if-none-match": '"another"'}).status_code == 200


def test_head_says_what_get_would() -> None:
    for path in (PATH, f"{PATH}/index.html"):
        got, head = ask(path), ask(path, "HEAD")
        assert (head.status_code, head.content) == (200, b"")
        assert dict(head.headers) == dict(got.headers)


@pytest.mark.parametrize("root", ["", "/team/llm"])
def test_the_place_with_a_slash_leads_to_the_one_without(root: str) -> None:
    assert ask(f"{root}{PATH}", root=root).status_code == 200
    reply = ask(f"{root}{PATH}/", root=root)
    assert (reply.status_code, reply.headers["location"]) == (308, "../arrol")
    assert str(reply.url.join(reply.headers["location"])) == f"http://x{root}{PATH}"


@pytest.mark.parametrize(
    "path",
    [
        "/arrol/../page.py",
        "/arrol/%2e%2e/config.py",
        "/arrol/..%2fconfig.py",
        "/arrol/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/arrol//etc/passwd",
        "/arrol/%00",
        "/arrol/no-such-file.js",
        "/arrol/" + "a" * 5000,
    ],
)
def test_nothing_outside_the_folder_is_read(path: str) -> None:
    reply = ask_raw(path)
    assert reply["status"] in (401, 404)


def ask_raw(path: str) -> Any:
    """Without a client that tidies the path up."""
    from urllib.parse import unquote

    told: dict[str, Any] = {}

    async def send(message: Any) -> None:
        told.update(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": unquote(path), "raw_path": path.encode()}
    scope |= {"headers": [], "query_string": b"", "root_path": "", "scheme": "http"}
    asyncio.run(app()(scope | {"http_version": "1.1", "server": ("x", 80)}, receive, send))
    return told


@pytest.mark.parametrize("path", ["/v1/models", "/arrolx", "/ARROL", "/x/arrol", "/"])
def test_nothing_else_is_open(path: str) -> None:
    assert ask(path).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading_is_open(method: str) -> None:
    assert ask(PATH, method).status_code == 401
    assert ask(PATH, method, authorization="Bearer secret").status_code == 405
    assert not is_page(method, PATH)


def test_the_package_holds_the_page() -> None:
    assert "index.html" in FILES
    assert Path("arrol_serve/page").parts == FOLDER.parts[-2:]
