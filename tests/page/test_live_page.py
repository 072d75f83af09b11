"""The page on the real server: ask, watch, stop, compare, save; and what may go wrong on the way."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import PATIENCE_MS, Visit
from tests.server.conftest import FILE_KEY, Server, start
from tests.server.running.processes import engines, slowed
from tests.starting import tail

A_MINUTE = 40
"""Requests that a key may send: enough for these tests, few enough to be used up by one of them."""
HASTY_KEY = "the-hasty-one"
QUESTION = "What is 815*29-14+77+60?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for this file. Its last test kills the engine."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "keys").write_text(f"{FILE_KEY}\n{HASTY_KEY}\n")
    (folder / "arrol.toml").write_text(f"requests_per_minute_per_key = {A_MINUTE}\n")
    options = ["--api-key-file", str(folder / "keys"), "--arrol-config", str(folder / "arrol.toml")]
    process, running = start(folder / "server.log", *options, niceness=15)
    yield running
    process.terminate()
    process.wait(60)


@pytest.fixture
def page(visit: Visit, server: Server) -> Page:
    """With a key, and the models that it shows."""
    return with_key(visit, server, FILE_KEY)


def with_key(visit: Visit, server: Server, key: str, *expected: str) -> Page:
    page = visit(server.url, expected=("401 (Unauthorized)", *expected))
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use it in this tab").click()
    expect(page.get_by_role("radio", name="balanced")).to_be_checked()
    expect(page.locator(".problem")).to_have_count(0)
    return page


def ask(page: Page, question: str = QUESTION, **settings: str) -> None:
    """Without a preset, whatever is tuned. Settings: values of the controls ``set-…``; lists are chosen
    from, the others filled.
    """
    page.get_by_role("radio", name="no preset").check(force=True)
    if page.locator("#settings").is_hidden():
        page.click("#more")
    for name, value in ({"seed": "7"} | settings).items():
        control = page.locator(f"#set-{name}")
        if control.evaluate("(one) => one.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    page.fill("#question", question)
    page.get_by_role("button", name="Ask", exact=True).click()


def wait_for_end(page: Page) -> None:
    expect(page.locator("#actions")).to_be_visible(timeout=2 * PATIENCE_MS)


ALL_AT_ONCE = {"samples": "16", "confidence": "never", "keep": "0.5"}
LONG = ALL_AT_ONCE | {"samples": "256", "keep": "all", "temperature": "2", "max_tokens": "400"}
"""So hot that many candidates ramble."""


def test_candidates_race_are_pruned_and_vote(page: Page, server: Server) -> None:
    page.evaluate(WATCH_LANES)
    with slowed(server):
        ask(page, **ALL_AT_ONCE)
        expect(page.locator(".lane.running").first).to_be_visible(timeout=PATIENCE_MS)
    wait_for_end(page)
    expect(page.locator(".lane")).to_have_count(16)
    expect(page.locator(".lane.pruned")).to_have_count(8)
    assert re.search(r"pruned −\d+", page.locator(".lane.pruned").first.inner_text())
    fates = set(page.evaluate("[...window.fates]"))
    assert {"running", "pruned", "finished"} <= fates, "each was seen while it was so"
    winner = page.locator(".lane.won")
    expect(winner).to_have_count(1)
    answer = page.inner_text("#answer")
    assert answer in winner.inner_text()
    assert page.locator(".vote").first.inner_text().startswith(answer)
    votes = sum(
        int(text.removeprefix("×")) for text in page.locator(".vote-count").all_inner_texts()
    )
    assert votes == page.locator(".lane.finished").count()
    assert re.search(r"P\(right\)\s*[<>]?\d+", page.inner_text("#belief"))
    assert "Every candidate has ended." in page.inner_text("#why")
    spent, plain = (
        int(t.strip("≈ ").replace(",", "")) for t in page.locator(".cost-value").all_inner_texts()
    )
    assert spent < plain
    assert answer in page.inner_text("#spoken")
    winner.click()
    assert f"\\boxed{{{answer}}}" in page.locator("#detail math[aria-label]").last.get_attribute(
        "aria-label"
    )


def test_waves_come_one_after_another(page: Page) -> None:
    ask(page, "What is 7906*84-25+61-12+48?", samples="16", confidence="0.99")
    wait_for_end(page)
    titles = page.locator(".wave").all_inner_texts()
    assert titles[:2] == ["Wave 1: 4 candidates", "Wave 2: 4 candidates"]
    assert f"{len(titles)} waves" in page.inner_text("#headline")
    assert page.locator("#belief .goal").count() == 1


def test_sixty_four_fit_and_stopping_frees_the_engine(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    ask(page, **ALL_AT_ONCE | {"samples": "64"})
    wait_for_end(page)
    lanes = page.locator(".lane")
    expect(lanes).to_have_count(64)
    first, last = lanes.first.bounding_box(), lanes.last.bounding_box()
    assert first
    assert last
    assert last["y"] + last["height"] - first["y"] < 900, "on one screen"
    assert first["height"] >= 16
    with slowed(server):
        ask(page, **LONG)
        expect(page.locator(".lane.running").first).to_be_visible(timeout=PATIENCE_MS)
        page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#why")).to_contain_text("You stopped it.")
    expect(page.locator(".lane.running")).to_have_count(0)
    expect(page.locator(".lane.lost").first).to_contain_text("broken off")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
    server.wait_idle()


def test_a_saved_search_opens_again(page: Page, tmp_path: Path) -> None:
    ask(page, **ALL_AT_ONCE | {"samples": "8"})
    wait_for_end(page)
    seen = (
        page.locator(".lane").all_inner_texts(),
        page.inner_text("#votes"),
        page.inner_text("#cost"),
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Save", exact=True).click()
    assert download.value.suggested_filename == "arrol-what-is-815-29-14-77-60.json"
    file = tmp_path / "search.json"
    download.value.save_as(file)
    assert FILE_KEY not in file.read_text()
    page.reload()
    page.set_input_files("#file", file)
    wait_for_end(page)
    again = (
        page.locator(".lane").all_inner_texts(),
        page.inner_text("#votes"),
        page.inner_text("#cost"),
    )
    assert again == seen
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    wait_for_end(page)
    assert page.locator(".lane").all_inner_texts() == seen[0]


def test_a_reply_with_candidates_opens_too(page: Page, server: Server, tmp_path: Path) -> None:
    body = {"model": "arrol-tiny", "messages": [{"role": "user", "content": QUESTION}], "seed": 7,
            "arrol": {"samples": 8, "prune": {"keep": 0.5}, "return": "candidates"}}  # fmt: skip
    reply = server.post(body)
    file = tmp_path / "reply.json"
    file.write_bytes(reply.content)
    page.set_input_files("#file", file)
    expect(page.locator(".lane")).to_have_count(8)
    assert page.inner_text("#answer") == reply.json()["arrol"]["answer"]
    file.write_text("{}")
    page.set_input_files("#file", file)
    expect(page.locator(".problem")).to_contain_text("reply.json could not be opened")


def test_ways_side_by_side(page: Page) -> None:
    page.fill("#question", QUESTION)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#spoken")).to_have_text(
        "The comparison is complete.", timeout=3 * PATIENCE_MS
    )
    rows = page.locator(".compared tbody tr")
    names = [row.split("\t")[0] for row in rows.all_inner_texts()]
    assert [name.split("\n")[0] for name in names] == [
        *("fast", "balanced", "best", "plain sampling × 16", "one sample")
    ]
    for row in rows.all():
        assert re.search(r"\d|–", row.locator("[data-name=Answer]").inner_text())
        assert int(row.locator("[data-name=Tokens]").inner_text().replace(",", "")) > 0
        assert re.search(r"\d m?s", row.locator("[data-name=Time]").inner_text())
    assert page.locator("tr[data-way=plain] .swarm .bar").count() == 16
    led = [
        (cell.inner_text(), cell.locator("span[class^=k]").get_attribute("class"))
        for cell in page.locator(".compared [data-name=Answer]:has(.dot)").all()
    ]
    assert len(led) >= 4
    for answer, colour in led:
        assert [other for other, kind in led if kind == colour] == [
            a for a, _ in led if a == answer
        ]


def test_commands_run_elsewhere(page: Page) -> None:
    ask(page, **ALL_AT_ONCE | {"samples": "4"})
    wait_for_end(page)
    page.get_by_role("button", name="As Python").click()
    code = page.locator("#code pre").inner_text()
    compile(code, "the snippet", "exec")
    assert 'os.environ["ARROL_KEY"]' in code
    assert FILE_KEY not in code
    page.keyboard.press("Escape")
    page.get_by_role("button", name="As curl").click()
    assert '"samples": 4' in page.locator("#code pre").inner_text()


def test_a_wrong_key_is_asked_for_again(visit: Visit, server: Server) -> None:
    page = visit(server.url, expected=("401 (Unauthorized)",))
    page.get_by_label("API key").fill("not-one")
    page.keyboard.press("Enter")
    expect(page.get_by_label("API key")).to_have_value("")
    page.get_by_label("API key").fill(FILE_KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="fast")).to_be_visible()
    assert FILE_KEY not in page.url
    assert page.evaluate("Object.values(localStorage).join()") == ""
    page.reload()
    expect(page.get_by_role("radio", name="fast")).to_be_visible()


def test_a_refused_setting_is_shown_where_it_is(visit: Visit, server: Server) -> None:
    page = with_key(visit, server, FILE_KEY, "400 (Bad Request)")
    ask(page, samples="3000")
    expect(page.locator(".problem")).to_contain_text("arrol.samples must be between 1 and 256")
    expect(page.locator("#set-samples")).to_be_focused()
    expect(page.locator("#set-samples")).to_have_attribute("aria-invalid", "true")


def test_a_busy_server_is_asked_again_after_its_wait(visit: Visit, server: Server) -> None:
    page = with_key(visit, server, HASTY_KEY, "429 (Too Many Requests)")
    with httpx.Client(
        base_url=server.url, headers={"authorization": f"Bearer {HASTY_KEY}"}
    ) as http:
        spent = [
            http.post("/v1/chat/completions", json={}).status_code for _ in range(A_MINUTE + 1)
        ]
    assert spent[-1] == 429
    ask(page)
    problem = page.locator(".problem")
    expect(problem).to_contain_text("This key has used up what it may")
    expect(problem.get_by_role("button", name=re.compile(r"Ask again in \d+ s"))).to_be_disabled()


def test_an_engine_that_dies_in_the_middle(visit: Visit, server: Server) -> None:
    """The last test of this file: the server ends with its engine."""
    page = with_key(visit, server, FILE_KEY, "503 (", "ERR_", "net::")
    with slowed(server):
        ask(page, **LONG)
        expect(page.locator(".lane.running").first).to_be_visible(timeout=PATIENCE_MS)
        for engine in engines(server.pid):
            engine.send_signal(signal.SIGKILL)
    problem = page.locator(".problem")
    expect(problem).to_be_visible()
    assert problem.get_by_role("heading").inner_text() in BROKEN, tail(server.log)
    expect(page.locator("#why")).to_have_text("It broke off. This is what had come until then.")
    expect(page.locator(".lane")).to_have_count(256)
    problem.get_by_role("button", name="Ask again").click()
    expect(page.locator(".problem h2")).to_have_text(
        re.compile("cannot answer now|does not answer")
    )


BROKEN = (
    "The server cannot answer now",
    "The server gave up on this search",
    "The connection broke in the middle of the search",
)
WATCH_LANES = """() => {
    window.fates = new Set();
    const look = () => document.querySelectorAll(".lane").forEach((lane) =>
        lane.classList.forEach((name) => window.fates.add(name)));
    new MutationObserver(look).observe(document.getElementById("lanes"),
        { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
}"""
