"""Whoever reads it, on whatever screen: names, contrast, order, keys, motion; and hostile text."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.page.conftest import DESK, PHONE, SAVED, Visit

CONTROLS = "button, input:not([type=hidden]), select, textarea, [tabindex='0']"
TEXT, LARGE, GRAPHICS = 4.5, 3.0, 3.0
"""Least contrast, of WCAG 2.2 AA."""


def opened(visit: Visit, file: Path = SAVED, **how: Any) -> Page:
    page = visit(**how)
    page.set_input_files("#file", file)
    page.wait_for_selector("#actions:not([hidden])")
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out(visit: Visit, theme: str) -> None:
    page = opened(visit, theme=theme)
    page.click("#more")
    low = page.evaluate(CONTRASTS, [TEXT, LARGE])
    assert low["seen"] > 60
    assert low["faint"] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lanes_and_bars_stand_out(visit: Visit, theme: str) -> None:
    page = opened(visit, theme=theme)
    names = ["--accent", "--edge", "--prune", *(f"--k{i}" for i in range(9))]
    against = page.evaluate(COLOURS, [names, "--card"])
    assert len(against) == len(names)
    assert {name: ratio for name, ratio in against.items() if ratio < GRAPHICS} == {}


def test_every_control_has_a_name(visit: Visit) -> None:
    page = opened(visit)
    page.click("#more")
    nameless = page.locator(CONTROLS).evaluate_all(
        """(all) => all.filter((one) => !(one.labels?.length || one.getAttribute("aria-label")
            || one.textContent.trim())).map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    for role in ("Candidate 0, finished at 89 tokens", "Candidate 2, pruned at 24 tokens"):
        assert page.get_by_role("button", name=re.compile(role)).count() == 1


def test_headings_landmarks_and_language(visit: Visit) -> None:
    page = opened(visit)
    levels = page.locator("h1, h2, h3, h4").evaluate_all(
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("#spoken").get_attribute("aria-live") == "polite"
    assert "Answer 78549, P(right) 98" in (page.text_content("#spoken") or "")


def test_tab_goes_down_the_page_and_sees_where_it_is(visit: Visit) -> None:
    page = opened(visit)
    page.locator(".skip").focus()
    seen = []
    for _ in range(40):
        here = page.evaluate(FOCUSED)
        if here["body"]:
            break
        assert "solid" in (here["outline"], here["inner"]), here
        seen.append(here["id"])
        page.keyboard.press("Tab")
    order = [
        "skip",
        "open",
        "theme",
        "question",
        "send",
        "compare",
        "model",
        "more",
        "save",
        "replay",
    ]
    assert [name for name in seen if name in order] == order
    assert sum("lane " in name for name in seen) == 1, (
        "the lanes are one stop, arrows go on from there"
    )


def test_lanes_by_keyboard(visit: Visit) -> None:
    page = opened(visit)
    page.locator(".lane").first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.locator("#detail")
    assert dialog.get_by_role("heading", name="Candidate 2").is_visible()
    assert "pruned here" in dialog.inner_text()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    said = dialog.inner_text()
    assert "Candidate 0" in said
    assert "integer, compared as 78549" in said
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.dataset.index") == "2"


@pytest.mark.parametrize("size", [DESK, PHONE, {"width": 320, "height": 640}])
def test_nothing_runs_off_the_side(visit: Visit, size: dict[str, int]) -> None:
    page = opened(visit, size=size)
    page.click("#more")
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1]


def test_less_motion_is_none(visit: Visit) -> None:
    """Bars stand at their places at once, with no frame in between."""
    page = opened(visit, motion="reduce")
    page.evaluate("void (window.requestAnimationFrame = () => { throw new Error('a frame') })")
    page.set_input_files("#file", SAVED)
    widths = page.locator(".lane .bar").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('width'))"
    )
    assert len(widths) == 16
    assert all(float(width.rstrip("%")) > 0 for width in widths)


def test_a_theme_that_was_chosen_stays(visit: Visit) -> None:
    page = visit(theme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(background) != light
    page.reload()
    assert page.get_by_role("button", name="Theme: dark").is_visible()


HOSTILE = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    "\\boxed{<b>7</b>}$</math><i>x</i>$"
)


def test_text_of_a_model_is_text(visit: Visit, tmp_path: Path) -> None:
    """In lanes, votes, the reply, the dialog and the question: never an element, an attribute or a script."""
    file = tmp_path / "hostile.json"
    reply = json.loads(SAVED.read_text())
    report = reply["events"][-1][1]["arrol"]
    lane = {
        "index": 0,
        "text": HOSTILE,
        "answer": HOSTILE,
        "kind": HOSTILE,
        "canonical": HOSTILE,
        "read": HOSTILE,
    }
    report = report | {
        "answer": HOSTILE,
        "note": HOSTILE,
        "stop": HOSTILE,
        "candidates": [report["candidates"][0] | lane],
    }
    report["votes"] = [report["votes"][0] | {"answer": HOSTILE}]
    file.write_text(json.dumps({"arrol": report, "choices": [{"message": {"content": HOSTILE}}]}))
    page = opened(visit, file)
    title = page.title()
    page.locator(".lane").click()
    assert HOSTILE in page.locator("#detail").inner_text()
    assert (
        page.locator(
            "main img, main script, main b, dialog img, dialog script, dialog b, dialog i"
        ).count()
        == 0
    )
    page.wait_for_timeout(100)
    assert page.title() == title


def test_a_formula_is_set(visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "formula.json"
    saved = json.loads(SAVED.read_text())
    report = saved["events"][-1][1]["arrol"]
    report["answer"] = report["votes"][0]["answer"] = "\\frac{3}{4}"
    file.write_text(
        json.dumps({"arrol": report, "choices": [{"message": {"content": "It is $\\sqrt{2}$."}}]})
    )
    page = opened(visit, file)
    assert page.locator("#answer math mfrac").is_visible()
    assert page.locator("#reply math msqrt").is_visible()
    tall = page.evaluate("document.querySelector('#answer mfrac').getBoundingClientRect().height")
    assert tall > 30, "drawn as a fraction, not as a line of text"


@pytest.mark.parametrize(("lanes", "limit_ms"), [(64, 33), (256, 250)])
def test_a_frame_is_quick(visit: Visit, lanes: int, limit_ms: float) -> None:
    """Drawing and layout of a frame while all bars grow: 64 lanes at 30 frames a second and more."""
    events = json.loads(SAVED.read_text())["events"]
    progress = [event for event in events if "progress" in (event[1].get("arrol") or {})]
    for _, chunk in progress:
        rows = chunk["arrol"]["progress"].get("candidates", [])
        copies = [
            row | {"index": row["index"] + 16 * i} for i in range(lanes // 16) for row in rows
        ]
        chunk["arrol"]["progress"]["candidates"] = copies
    progress[0][1]["arrol"]["progress"]["plan"]["samples"] = lanes
    found = visit().evaluate(FRAMES, progress)
    assert found["lanes"] == lanes
    assert found["frames"] > 20
    assert found["median"] < limit_ms


FRAMES = """async (events) => {
    const { Lanes } = await import("/arrol/view/lanes.js");
    const { newRace, take } = await import("/arrol/model/race.js");
    const drawn = new Lanes(document.getElementById("lanes"), document.getElementById("axis"), () => {});
    const race = newRace(null), frames = [];
    for (const [at, chunk] of events) {
        drawn.show(race, take(race, chunk, at));
        for (let i = 0; i < 6; i++) {
            const began = performance.now();
            drawn.grow(33);
            document.body.getBoundingClientRect();
            frames.push(performance.now() - began);
        }
    }
    frames.sort((a, b) => a - b);
    return { lanes: document.querySelectorAll(".lane").length, frames: frames.length,
        median: frames[frames.length >> 1] };
}"""

FOCUSED = """() => {
    const one = document.activeElement;
    const outline = (element) => getComputedStyle(element).outlineStyle;
    return { id: one.id || one.className, body: one === document.body,
        outline: outline(one), inner: outline(one.nextElementSibling ?? one) };
}"""

CONTRASTS = """([least, leastLarge]) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (rgb) => rgb.slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const colour = rgba(getComputedStyle(at).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255, 255];
    };
    const own = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const all = [...document.querySelectorAll("body *")].filter((one) => own(one) && one.checkVisibility());
    const faint = [];
    for (const one of all) {
        const style = getComputedStyle(one);
        if (one.matches(":disabled")) continue;
        const colour = one.closest("svg") ? style.fill : style.color;
        const [a, b] = [light(rgba(colour)), light(behind(one))].sort((x, y) => y - x);
        const large = parseFloat(style.fontSize) >= 24;
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio >= (large ? leastLarge : least)) continue;
        faint.push([one.textContent.slice(0, 40), ratio.toFixed(2)]);
    }
    return { seen: all.length, faint };
}"""

COLOURS = """([names, ground]) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const light = (name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(${name})`;
        canvas.fillStyle = getComputedStyle(probe).color; canvas.fillRect(0, 0, 1, 1);
        probe.remove();
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
            .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    };
    return Object.fromEntries(names.map((name) => {
        const [a, b] = [light(name), light(ground)].sort((x, y) => y - x);
        return [name, Number(((a + 0.05) / (b + 0.05)).toFixed(2))];
    }));
}"""
