"""Sampled groups on disk: gzipped JSON lines, appended chunk by chunk, whole after a crash."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import RecordError


@dataclass(frozen=True, slots=True)
class ShownReply:
    """One reply. ``figures``: what else is known of it, by name; None: not known."""

    index: int
    text: str
    tokens: int
    fate: str
    right: bool | None
    answer: str | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """All replies to one question. ``part``: what it belongs to, an arm or a step."""

    name: str
    part: str
    question: str
    gold: str | None
    replies: tuple[ShownReply, ...]
    before: tuple[tuple[str, str], ...] = ()
    """(role, text) of what was said before the question."""

    @property
    def mixed(self) -> bool:
        """Whether right and wrong replies are in it."""
        return len({reply.right for reply in self.replies if reply.right is not None}) == 2


def packed(groups: Sequence[ShownGroup]) -> bytes:
    """One gzip member; equal groups give equal bytes."""
    lines = "".join(json.dumps(asdict(group), ensure_ascii=False) + "\n" for group in groups)
    return gzip.compress(lines.encode("utf-8", "replace"), mtime=0)


class GroupFile:
    """Groups that are appended. What a crash left of the last ones is cut off when it is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists():
            whole = _whole(path.read_bytes())
            if whole < path.stat().st_size:
                os.truncate(path, whole)

    def append(self, groups: Sequence[ShownGroup]) -> None:
        with self._path.open("ab") as file:
            file.write(packed(groups))


def _whole(data: bytes) -> int:
    """Bytes of the gzip members that are complete."""
    end = 0
    while end < len(data):
        member = zlib.decompressobj(wbits=31)
        try:
            member.decompress(data[end:])
        except zlib.error:
            break
        if not member.eof:
            break
        end = len(data) - len(member.unused_data)
    return end


def read_groups(path: Path) -> list[ShownGroup]:
    """In the order of the file; of groups that are there twice, the last. Raises ``RecordError``."""
    try:
        data = path.read_bytes()
        lines = gzip.decompress(data[: _whole(data)]).decode().split("\n")
        found = [_group(json.loads(line)) for line in lines if line]
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordError(f"{path} holds no samples of this version ({error})") from error
    return list({(group.part, group.name): group for group in found}.values())


def _group(body: dict[str, Any]) -> ShownGroup:
    replies = tuple(ShownReply(**reply) for reply in body.pop("replies"))
    before = tuple((role, text) for role, text in body.pop("before"))
    return ShownGroup(replies=replies, before=before, **body)


def names(groups: Sequence[ShownGroup]) -> Iterator[str]:
    """Names of figures, in the order in which replies bring them."""
    yield from dict.fromkeys(name for g in groups for reply in g.replies for name in reply.figures)
