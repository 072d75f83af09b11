"""Kept samples: whole after a crash, and harmless wherever they are shown."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from trainer.errors import ConfigError, RecordError
from trainer.samples.flat import flat_table
from trainer.samples.kept import GroupFile, ShownGroup, ShownReply, packed, read_groups
from trainer.samples.page import write_page
from trainer.samples.terminal import side_by_side

NASTY = "</script><img src=x onerror=alert(1)>\x1b]0;title\x07 {{data}} \u2028 \U0001f600"


def group(name: str, part: str = "unpruned", text: str = "2+2 is 4", **more: object) -> ShownGroup:
    replies = [
        ShownReply(0, text, 7, "finished", True, "4", {"quality": 0.91, "confidence": None}),
        ShownReply(1, "five " * 40, 200, "truncated", False, None, {"quality": 0.2}),
        ShownReply(2, "2+", 3, "pruned", None, None, {"quality": float("nan")}),
    ]
    return ShownGroup(name, part, "What is 2+2?", "4", tuple(replies), **more)  # type: ignore[arg-type]


def test_what_a_crash_tore_is_cut_off_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl.gz"
    GroupFile(path).append([group("a"), group("b")])
    whole = path.read_bytes()
    for torn in (packed([group("c")])[:-5], b"\x1f\x8b", b"\x00\x00\x00"):
        path.write_bytes(whole + torn)
        assert [g.name for g in read_groups(path)] == ["a", "b"]
        GroupFile(path).append([group("c", text="again"), group("a", text="newer")])
        found = {g.name: g for g in read_groups(path)}
        assert found["a"].replies[0].text == "newer"
        assert set(found) == {"a", "b", "c"}
    assert path.read_bytes().startswith(whole)
    assert (
        json.loads(gzip.decompress(path.read_bytes()).split(b"\n")[0])["question"] == "What is 2+2?"
    )


def test_files_of_something_else_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b'{"no": 1}\n'))
    with pytest.raises(RecordError, match=r"x\.gz holds no samples of this version"):
        read_groups(path)


def test_replies_stand_side_by_side_right_ones_first() -> None:
    told = side_by_side(group("a", before=(("system", "Be brief."),)), 120, 3, colour=False)
    lines = told.split("\n")
    assert lines[0] == "a (unpruned): 1 of 3 right"
    assert lines[1:4] == ["[system] Be brief.", "Question: What is 2+2?", "Gold: 4"]
    heads = " ".join(next(line for line in lines if line.startswith("#0")).split())
    assert re.fullmatch(
        r"#0 right, 7 tokens -> 4 +\| #1 wrong, truncated, 200 tokens +\| #2 pruned, 3 tokens",
        heads,
    )
    assert "more lines" in told
    assert max(map(len, lines)) <= 120
    narrow = side_by_side(group("a"), 40, 0, colour=False)
    assert max(map(len, narrow.split("\n"))) <= 40
    assert "more lines" not in narrow


def test_a_model_cannot_steer_the_terminal() -> None:
    told = side_by_side(group("a", text=NASTY), 120, 0, colour=False)
    assert "\x1b" not in told
    assert "\x07" not in told


def test_the_page_is_one_file_whose_texts_stay_texts(tmp_path: Path) -> None:
    path = tmp_path / "samples.html"
    write_page([group("a", text=NASTY), group("b", "pruned")], "run <1>", path)
    page = path.read_text()
    assert "<title>run &lt;1&gt;</title>" in page
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", page)
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert data
    body = json.loads(data[1])
    assert body["groups"][0]["replies"][0]["text"] == NASTY
    assert [r["verdict"] for r in body["groups"][0]["replies"]] == ["right", "wrong", "pruned"]
    assert body["groups"][0]["replies"][2]["figures"] == {}


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser")
def test_a_browser_shows_the_groups_and_runs_nothing_of_theirs(tmp_path: Path) -> None:
    path = tmp_path / "samples.html"
    write_page([group(f"q{i}", text=NASTY) for i in range(40)], "run", path)
    words = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    done = subprocess.run(
        [*words, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    shown = done.stdout
    assert "40 of 40 groups, 120 replies" in shown
    assert shown.count("<section>") == 30
    assert shown.count('<article class="right">') == 30
    assert "onerror=alert(1)&gt;" in shown
    assert "<img" not in shown


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    from trainer.evaluation.kept_replies import kept_replies
    from trainer.run.rollouts import kept_rollouts

    with pytest.raises(ConfigError, match="it is no evaluation"):
        kept_replies(tmp_path)
    with pytest.raises(ConfigError, match="it is no training run"):
        kept_rollouts(tmp_path)


def test_groups_are_one_table_whatever_each_reply_knows() -> None:
    columns, rows = flat_table([group("a"), group("b", text="four")])
    assert columns[:4] == ["group", "question", "gold", "reply"]
    assert [len(row) for row in rows] == [len(columns)] * 6
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    assert found[3]["group"] == "b"
    assert (found[3]["reply"], found[3]["right"], found[3]["quality"]) == ("four", True, 0.91)
    assert found[1]["confidence"] is None
