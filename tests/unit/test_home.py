"""Caches find a folder where the home is none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from arrol_serve import home
from arrol_serve.errors import InvalidRequest


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_home_that_can_be_written_stays(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    home.settle(environ)
    assert environ["HOME"] == str(tmp_path)


@pytest.mark.parametrize("where", ["nowhere", "file"])
def test_another_becomes_a_private_folder_that_stays_the_same(
    tmp_path: Path, temporary: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    found = []
    for _ in range(2):
        environ = {"HOME": str(tmp_path / where)}
        home.settle(environ)
        found.append(Path(environ["HOME"]))
    assert found[0] == found[1]
    assert found[0].parent == temporary
    assert found[0].stat().st_mode & 0o777 == 0o700
    assert f"{tmp_path / where} is not writable: caches go to {found[0]}" in capsys.readouterr().err


def test_a_folder_that_somebody_else_made_is_not_used(tmp_path: Path, temporary: Path) -> None:
    (temporary / f"arrol-serve-{os.getuid()}").symlink_to(tmp_path)
    environ = {"HOME": "/nowhere"}
    home.settle(environ)
    assert Path(environ["HOME"]).parent == temporary
    assert not Path(environ["HOME"]).is_symlink()


def test_no_folder_at_all_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidRequest, match="Mount a writable one at /tmp"):
        home.settle({"HOME": "/nowhere"})


def test_a_user_without_a_name_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    environ = {"HOME": str(tmp_path)}
    home.settle(environ)
    assert environ["USER"] == "uid-1234567"
