"""Who may open the admin port, and where it listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from arrol_serve.api.admin.listener import open_socket
from arrol_serve.errors import InvalidRequest

KEY = "0123456789abcdef"


def test_the_key_leaves_the_environment_and_is_not_shown() -> None:
    environment = {"ARROL_ADMIN_KEY": f" {KEY}\n", "OTHER": "1"}
    bound = open_socket("127.0.0.1", 0, None, environment)
    bound.socket.close()
    assert bound.key == KEY
    assert KEY not in repr(bound)
    assert environment == {"OTHER": "1"}


def test_a_key_file_stands_over_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("f" * 32 + "\n")
    bound = open_socket("127.0.0.1", 0, file, {"ARROL_ADMIN_KEY": KEY})
    bound.socket.close()
    assert bound.key == "f" * 32


@pytest.mark.parametrize("key", ["", "short", "0123456789abcde", "0123456789abcdé" * 2, "a\tb" * 9])
def test_a_key_that_can_be_guessed_or_not_be_sent_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match="needs a key"):
        open_socket("127.0.0.1", 0, None, {"ARROL_ADMIN_KEY": key})


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="nowhere cannot be read"):
        open_socket("127.0.0.1", 0, tmp_path / "nowhere", {})


def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InvalidRequest, match=f"cannot listen on 127.0.0.1:{port}"):
            open_socket("127.0.0.1", port, None, {"ARROL_ADMIN_KEY": KEY})
