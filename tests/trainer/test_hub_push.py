"""Exports on a hub; and a push that cannot be made says what to do, and the export stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.paths import ROOT
from tests.trainer.hub_server import contents, hub_server
from trainer.errors import ConfigError
from trainer.run.hub import check
from trainer.run.model_card import HEADER

PUSH = """
import sys
from pathlib import Path
from trainer.errors import ConfigError
from trainer.run.hub import check, push
try:
    _, act, name, folder = sys.argv
    print(check(name) if act == "check" else push(Path(folder), name))
except ConfigError as error:
    print(error)
"""
CARD = f"{HEADER}# One\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "export"
    (made / "heads" / "one").mkdir(parents=True)
    (made / "README.md").write_text(CARD)
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(os.urandom(100_000))
    (made / "heads" / "one" / "head.safetensors").write_bytes(os.urandom(1000))
    return made


def said(act: str, name: str, folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PUSH, act, name, str(folder)],
        cwd=ROOT,
        env={**environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = done.stdout.splitlines()
    return line


@pytest.mark.parametrize("name", ["a/b/c", "bad name", "-x", "a--b"])
def test_what_no_repository_is_called_is_refused_before_anything_is_made(name: str) -> None:
    with pytest.raises(ConfigError, match="--push"):
        check(name)


def test_a_folder_comes_whole_into_a_private_repository_and_again(folder: Path) -> None:
    with hub_server() as hub:
        assert said("push", "someone/one", folder, hub.environment()) == f"{hub.url}/someone/one"
        assert hub.private == {"someone/one": True}
        assert hub.files["someone/one"] == contents(folder)
        (folder / "config.json").write_text('{"changed": true}')
        assert said("push", "someone/one", folder, hub.environment()) == f"{hub.url}/someone/one"
        assert hub.files["someone/one"] == contents(folder)


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("other/one", {}, "You don't have the rights to create a model under other"),
        ("someone/one", {"HF_TOKEN": "old"}, "Invalid username or password"),
        ("someone/full", {}, "No room is left"),
        ("someone/one", {"HF_HUB_DISABLE_XET": "0"}, "export"),  # this hub has no Xet
    ],
)
def test_a_hub_that_refuses_is_quoted_and_the_export_stays(
    folder: Path, name: str, changes: dict[str, str], why: str
) -> None:
    before = contents(folder)
    with hub_server() as hub:
        hub.full = name == "someone/full"
        line = said("push", name, folder, hub.environment() | changes)
        assert f"{hub.url} did not take it" in line
        assert f"hf upload {name} {folder}" in line
        assert why in line
        assert not hub.files.get(name)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"HF_TOKEN": ""}, "Token is required"),
        ({"HF_TOKEN": "old"}, "Invalid user token"),
        ({"HF_HUB_OFFLINE": "1"}, "offline mode is enabled"),
        ({"HF_ENDPOINT": ""}, "Connection refused"),
    ],
)
def test_what_cannot_be_pushed_is_said_before_the_export(
    folder: Path, tmp_path: Path, changes: dict[str, str], why: str
) -> None:
    with hub_server() as hub:
        environment = hub.environment() | changes | {"HF_HOME": str(tmp_path / "home")}
        environment["HF_ENDPOINT"] = environment["HF_ENDPOINT"] or f"http://127.0.0.1:{free_port()}"
        line = said("check", "someone/one", folder, environment)
        assert "Nothing was exported" in line
        assert "hf auth login" in line
        assert why in line
        assert hub.asked == []
        assert said("check", "someone/one", folder, hub.environment()) == "None"
