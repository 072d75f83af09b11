"""A real Chromium on the real page: Debian's browser, driven by playwright, which downloads none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from arrol_serve.api.page import FOLDER, HEADERS, PATH, TYPES

OFFLINE = "http://page.localhost"
"""Where the files are served without a server: straight from the folder, under the server's headers."""
PATIENCE_MS = 30_000
DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a file: while it runs, playwright keeps this thread's event loop."""
    path = os.environ.get("ARROL_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip(
            "there is no chromium: apt-get install chromium, or name one in ARROL_TEST_CHROMIUM"
        )
    root = ["--no-sandbox"] if os.getuid() == 0 else []  # it refuses to run as root with one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=root)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page must not do, while it is watched."""

    root: str
    expected: tuple[str, ...] = ()
    """Parts of console errors that belong to a test: browsers report every failed request."""
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.on("console", lambda said: said.type in ("error", "warning") and self.note(said.text))
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("request", lambda request: self.sent(request.url))

    def note(self, text: str) -> None:
        if not any(part in text for part in self.expected):
            self.errors.append(text)

    def sent(self, url: str) -> None:
        """Nothing goes to another host, and nothing at all into a query: keys end up in logs there."""
        parts = urlsplit(url)
        own = parts.scheme == "blob" or parts.netloc == urlsplit(self.root).netloc
        if not own or parts.query:
            self.foreign.append(url)


Visit = Callable[..., Page]
Run = Callable[..., Any]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    with visiting(browser) as visit:
        yield visit


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    """Opens the page of a server, or the files offline; at the end it must not have misbehaved.

    ``expected``: parts of console errors that belong to the test.
    """
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def open_page(
        root: str = OFFLINE,
        *,
        size: dict[str, int] = DESK,
        theme: str = "light",
        motion: str = "no-preference",
        expected: tuple[str, ...] = (),
    ) -> Page:
        context = browser.new_context(
            viewport=size, color_scheme=theme, reduced_motion=motion, accept_downloads=True
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        if root == OFFLINE:
            expected = (*expected, "Failed to load resource")
            page.route(f"{OFFLINE}/**", from_folder)
        watches.append(Watch(root, expected))
        watches[-1].attach(page)
        page.goto(f"{root}/arrol")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for watch in watches for text in watch.errors] == []
    assert [url for watch in watches for url in watch.foreign] == []


def from_folder(route: Route) -> None:
    """The file under the headers that the server gives it; there is no API."""
    path = urlsplit(route.request.url).path
    if path != PATH and not path.startswith(f"{PATH}/"):
        route.abort()
        return
    file = FOLDER / (path.removeprefix(PATH).lstrip("/") or "index.html")
    kind = TYPES.get(file.suffix, "text/html")
    route.fulfill(body=file.read_bytes(), headers={**HEADERS, "content-type": kind})


SAVED = Path(__file__).with_name("saved_race.json")
"""A race that this page saved: 16 candidates of the bundled model in waves of 4."""


MODULES = (
    "colours",
    "format",
    "problems",
    "prose",
    "race",
    "request",
    "saved",
    "snippets",
    "sse",
    "tex",
    "words",
)


@pytest.fixture(scope="module")
def run(browser: Browser) -> Iterator[Run]:
    """The value of an expression in which all modules' exports are names, and ``given`` the argument."""
    load = """(names) => Promise.all(names.map((name) => import(`/arrol/model/${name}.js`)))
        .then((all) => { window.modules = Object.assign({}, ...all); return Object.keys(modules); })"""
    with visiting(browser) as visit:
        page = visit()
        names = ", ".join(page.evaluate(load, MODULES))

        def value(expression: str, given: Any = None) -> Any:
            code = f"(given) => {{ const {{ {names} }} = modules; return {expression}; }}"
            return page.evaluate(code, given)

        yield value
