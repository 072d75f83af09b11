"""Seeds without state: each is a function of the run's seed and of what it is for."""

from __future__ import annotations

from hashlib import blake2b


def seed_for(*parts: int | str) -> int:
    """A number below 2**48: room for a group's rollouts to count on from it."""
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")
