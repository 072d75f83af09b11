"""What is written appears whole or not at all."""

from pathlib import Path

import pytest

from arrol_serve.files import replacing


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    with replacing(path) as part:
        part.write_text("new")
        assert not path.exists()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("head.json", "new")]


def write_half(path: Path) -> None:
    with replacing(path) as part:
        part.write_text("ne")
        raise OSError("no space")


def test_files_are_as_readable_as_others_whoever_wrote_them(tmp_path: Path) -> None:
    with replacing(tmp_path / "weights") as part:
        part.unlink()
        part.touch(0o600)
    (tmp_path / "other").touch()
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text("old")
    with pytest.raises(OSError, match="no space"):
        write_half(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("head.json", "old")]
