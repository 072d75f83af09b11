"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields the path to write to; it becomes ``path`` when the block ends.

    If the block raises, what it wrote is gone and an older ``path`` stays as it was.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.touch()
        usual = part.stat().st_mode
        yield part
        part.chmod(usual)  # some libraries write for their owner alone
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
