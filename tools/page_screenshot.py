"""The README's picture: the page at the end of a real search of the bundled model.

``python -m tools.page_screenshot [OUT.png] [--dark]``, with Debian's ``chromium`` and, for the type that
the page prefers, ``fonts-inter``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from arrol_serve.demo import running_server

OUT = Path(__file__).parents[1] / "docs" / "page.png"
QUESTION = "What is 815*29-14+77+60?"
SETTINGS = {"samples": "24", "probes": "16, 32, 64", "seed": "7"}
CHOICES = {"confidence": "never", "keep": "0.5"}
WIDTH, HEIGHT = 1280, 880
SCALE = 1.5
LARGEST = 300 * 1024
PATIENCE_MS = 60_000


def main() -> None:
    parser = argparse.ArgumentParser("page_screenshot", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=OUT)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("There is no chromium: apt-get install chromium.")
    with running_server() as url:
        take(url.removesuffix("/v1"), browser, options.out, dark=options.dark)
    size = options.out.stat().st_size
    print(f"{options.out}: {size / 1024:.0f} KiB")
    if size > LARGEST:
        sys.exit(f"It may have {LARGEST // 1024} KiB: show less, or lower SCALE.")


def take(root: str, browser: str, out: Path, *, dark: bool) -> None:
    """Ask ``QUESTION`` on the page of the server at ``root``, and photograph what came of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        args = ["--no-sandbox"] if os.getuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=browser, args=args)
        page = chromium.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=SCALE,
            color_scheme="dark" if dark else "light",
        )
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{root}/arrol")
        page.get_by_role("radio", name="no preset").check()
        page.click("#more")
        for name, value in SETTINGS.items():
            page.fill(f"#set-{name}", value)
        for name, value in CHOICES.items():
            page.select_option(f"#set-{name}", value)
        page.click("#more")
        page.fill("#question", QUESTION)
        page.click("#send")
        page.wait_for_selector("#actions:not([hidden])")
        page.wait_for_timeout(800)  # bars grow to their places
        page.evaluate("document.activeElement.blur()")
        page.screenshot(path=out)
        chromium.close()


if __name__ == "__main__":
    main()
