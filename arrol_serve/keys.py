"""The API keys of the public port: from a file, from the environment, and vLLM's ``--api-key``."""

from __future__ import annotations

import argparse
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path

from arrol_serve.errors import InvalidRequest

COMMENT = re.compile(r"(?:^|\s)#.*")
"""A # inside a word belongs to the key."""
VARIABLE = "ARROL_API_KEYS"
VLLM_VARIABLE = "VLLM_API_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help=f"API keys, one a line, # for comments; also: the variable {VARIABLE}, --api-key",
    )


def read_keys(file: Path | None, environment: MutableMapping[str, str]) -> list[str]:
    """The keys of ``file`` and of ``ARROL_API_KEYS``, which are separated by white space.

    The variable is taken out of ``environment``: child processes have no use for it. Raises
    ``InvalidRequest`` for a file that cannot be read, holds no key, or holds what cannot be one.
    """
    found = environment.pop(VARIABLE, "").split()
    if file is not None:
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"--api-key-file: {file} cannot be read ({error}).") from error
        stripped = [(number, COMMENT.sub("", line).strip()) for number, line in enumerate(lines, 1)]
        keys = [(number, key) for number, key in stripped if key]
        if not keys:
            raise InvalidRequest(f"--api-key-file: {file} holds no key: write one a line.")
        for number, key in keys:
            if not key.isascii() or not key.isprintable() or " " in key:
                raise InvalidRequest(
                    f"--api-key-file: line {number} of {file} is not one key of printable ASCII "
                    "characters without spaces."
                )
        found += [key for _, key in keys]
    return found


def all_keys(
    given: Sequence[str] | None, extra: Iterable[str], environment: MutableMapping[str, str]
) -> list[str] | None:
    """Every key once, in the form of vLLM's ``--api-key``; None: the server asks for none.

    As in vLLM, its variable counts where its option is not given.
    """
    first = given or [environment.get(VLLM_VARIABLE, "")]
    return list(dict.fromkeys(key for key in (*first, *extra) if key)) or None


class KeyRing:
    """Tells keys apart in a time that does not depend on them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def holder(self, given: str | None) -> int | None:
        """Which key it is; None: none of ours."""
        digest = _digest(given or "")
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return matches.index(True) if given and any(matches) else None


def sent_key(headers: Mapping[str, str]) -> str | None:
    """The key in ``Authorization: Bearer KEY`` or, as Anthropic's clients send it, ``x-api-key``."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given
    return headers.get("x-api-key")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
