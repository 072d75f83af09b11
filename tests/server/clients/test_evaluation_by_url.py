"""``arrol-eval --url`` against the running server, as itself and as any other one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.server.conftest import Server
from trainer.evaluation.cli import main
from trainer.evaluation.datasets import Source, load
from trainer.evaluation.over_http.endpoint import Endpoint
from trainer.evaluation.over_http.remote import COUNTING, Manner, Way, sample_remote
from trainer.evaluation.records import RecordFile
from trainer.evaluation.sampling import Settings


def test_a_run_by_url(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    words = ["--url", f"{server.url}/v1", "--data", "arithmetic:5", "--limit", "3"]
    words += ["--samples", "4", "--temperature", "1.5", "--out", str(tmp_path)]
    assert main(words) == 0, capsys.readouterr().err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["settings"]["through"] == "arrol-serve"
    rows = {row["method"]: row for row in report["methods"]}
    assert {
        "uniform",
        "quality",
        "confidence",
        "pruned",
        "random-pruned",
        "adaptive-online",
    } <= set(rows)
    assert rows["pruned"]["tokens_relative"] < 1
    assert rows["adaptive-online"]["tokens_relative"] <= 1
    kept = RecordFile(tmp_path / "records.jsonl").records
    (items, settings) = (
        load(["arithmetic:5"], Source(limit=3)),
        Settings(samples=4, temperature=1.5),
    )
    endpoint = Endpoint(f"{server.url}/v1", "arrol-tiny", server.key)
    singly, *together = (
        asyncio.run(sample_remote(endpoint, Manner(way, extra), "unpruned", items, settings))
        for way, extra in [(Way.SINGLY, {}), *((Way.TOGETHER, extra) for extra in COUNTING)]
    )
    assert together == [singly, singly]  # the same seeds, the same tokens
    for item, replies in zip(items, singly, strict=True):
        searched = kept["unpruned", item.id].samples
        assert [s.tokens for s in searched] == [r.tokens for r in replies]
        assert all(s.quality is not None and s.confidence is not None for s in searched)
        assert all(r.quality is None for r in replies)


@pytest.mark.parametrize("alias", ["arrol-tiny-prune16", "arrol-tiny-vote16"])
def test_an_alias_that_prunes_does_not_prune_the_unpruned_arm(
    alias: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    words = ["--url", f"{server.url}/v1", "--data", "arithmetic:5", "--limit", "2", "--model"]
    words += [alias, "--samples", "4", "--temperature", "1.5", "--methods", "uniform,pass@1"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    kept = RecordFile(tmp_path / "records.jsonl").records
    assert {s.fate for record in kept.values() for s in record.samples} == {"finished"}
    assert {len(record.samples) for record in kept.values()} == {4}


def test_system_prompt_stop_strings_and_template_reach_the_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    words = [
        "--url",
        f"{server.url}/v1",
        "--data",
        "arithmetic:5",
        "--limit",
        "2",
        "--samples",
        "2",
    ]
    words += ["--methods", "uniform,pass@1", "--temperature", "1.5"]
    chat = ["--system", "Be brief.", "--stop", "=", "--chat-template-args", "think=no"]
    tokens = []
    for name, more in (("plain", []), ("chat", chat)):
        assert main([*words, *more, "--out", str(tmp_path / name)]) == 0
        kept = RecordFile(tmp_path / name / "records.jsonl").records
        tokens.append(sum(s.tokens for record in kept.values() for s in record.samples))
    assert tokens[1] < tokens[0]
    settings = json.loads((tmp_path / "chat" / "report.json").read_text())["settings"]
    assert settings["system"] == "Be brief."
    assert (settings["template"], settings["stop"]) == ({"think": "no"}, ["="])


def test_what_the_server_refuses_is_told(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--url", f"{server.url}/v1", "--data", "arithmetic:5", "--out", str(tmp_path)]
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(words) == 2
    assert "answers 401" in capsys.readouterr().err
    monkeypatch.setenv("OPENAI_API_KEY", server.key)
    assert main([*words, "--model", "no-such-model"]) == 2
    assert "answers 404" in capsys.readouterr().err
    for option, why in (
        (("--head", "x"), "--head is the server's"),
        (("--methods", "deepconf-online-90"), "needs an engine in this process, without --url"),
    ):
        assert main([*words, *option]) == 2
        assert why in capsys.readouterr().err
