"""Key files, and where a request carries its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from arrol_serve.errors import InvalidRequest
from arrol_serve.keys import KeyRing, read_keys, sent_key


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("plain", "plain"),
        ("a#b", "a#b"),
        ("sk-#1#", "sk-#1#"),
        ("  padded\t# of a team", "padded"),
        ("word #and# more", "word"),
    ],
)
def test_a_comment_begins_a_line_or_follows_a_space(tmp_path: Path, line: str, key: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# one a line\n#another\n\n{line}\n")
    assert read_keys(file, {}) == [key]


def test_a_line_that_is_no_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("good\ntwo words\n")
    with pytest.raises(InvalidRequest, match="line 2 of"):
        read_keys(file, {})


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer k"}, "k"),
        ({"x-api-key": "k"}, "k"),
        ({"authorization": "Bearer a", "x-api-key": "b"}, "a"),
        ({"authorization": "Basic a"}, None),
        ({"authorization": "k"}, None),
        ({}, None),
    ],
)
def test_where_a_key_is_sent(headers: dict[str, str], key: str | None) -> None:
    assert sent_key(headers) == key


def test_a_ring_knows_whose_key_it_is() -> None:
    ring = KeyRing(["a", "b"])
    assert [ring.holder(key) for key in ("a", "b", "c", "", None)] == [0, 1, None, None, None]
