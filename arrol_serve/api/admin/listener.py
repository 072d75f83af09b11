"""Where the admin port listens and which key opens it, settled before anything is loaded."""

from __future__ import annotations

import argparse
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from arrol_serve.errors import InvalidRequest

KEY_VARIABLE = "ARROL_ADMIN_KEY"
SHORTEST_KEY = 16
"""Characters. The key replaces the model: it must not be one that can be tried out."""


@dataclass(frozen=True, slots=True)
class AdminSocket:
    """A bound socket, and the key; the key is kept out of every printed form."""

    socket: socket.socket
    key: str = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option(
        "--admin-port",
        type=int,
        metavar="PORT",
        help="port for trainers: weights, heads, rollouts; needs a key; default: none",
    )
    option("--admin-host", metavar="HOST", help="address of the admin port; default 127.0.0.1")
    option(
        "--admin-key-file",
        type=Path,
        metavar="FILE",
        help=f"the admin port's key; default: the variable {KEY_VARIABLE}",
    )


def from_arguments(
    ours: argparse.Namespace, environment: MutableMapping[str, str]
) -> AdminSocket | None:
    """The bound socket; None where no port is asked for. Raises ``InvalidRequest``."""
    if ours.admin_port is not None:
        host = ours.admin_host or "127.0.0.1"
        return open_socket(host, ours.admin_port, ours.admin_key_file, environment)
    for option in ("admin_host", "admin_key_file"):
        if getattr(ours, option) is not None:
            raise InvalidRequest(f"--{option.replace('_', '-')} does nothing without --admin-port.")
    return None


def open_socket(
    host: str, port: int, key_file: Path | None, environment: MutableMapping[str, str]
) -> AdminSocket:
    """Read the key and bind the port, without answering on it yet.

    The variable is taken out of ``environment``: child processes have no use for it. Raises
    ``InvalidRequest`` without a proper key, or where the port cannot be had.
    """
    key = _key(key_file, environment.pop(KEY_VARIABLE, ""))
    if not 0 <= port <= 65535:
        raise InvalidRequest(f"--admin-port must be from 0 to 65535, got {port}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise InvalidRequest(
            f"The admin port cannot listen on {host}:{port}: {error.strerror or error}. Choose "
            "another with --admin-port."
        ) from error
    return AdminSocket(bound, key)


def _key(file: Path | None, variable: str) -> str:
    where = KEY_VARIABLE if file is None else str(file)
    if file is not None:
        try:
            variable = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"--admin-key-file: {file} cannot be read ({error}).") from error
    key = variable.strip()
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable():
        what = "is missing" if not key else f"is not {SHORTEST_KEY} or more printable characters"
        raise InvalidRequest(
            f"--admin-port needs a key, and the one of {where} {what}: whoever has it can replace "
            f"the model. Set {KEY_VARIABLE} or --admin-key-file FILE, for example to the output "
            "of: openssl rand -hex 32"
        )
    return key
