"""Waits for servers that tests have started."""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

LIMIT_S = float(os.environ.get("ARROL_TEST_START_S", "200"))

LOGGED = re.compile(r"(\(\w+ pid=\d+\) )?(INFO|WARNING)[: ]|{")
"""How a line of a server's log begins: vLLM's with the name of its process, uvicorn's, or as JSON."""


def wait_ready(
    process: subprocess.Popen[bytes], url: str, log: Path, limit_s: float = LIMIT_S
) -> None:
    """Until the server at ``url`` answers; one that does not is ended, and its log's end is the error."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        assert process.poll() is None, tail(log)
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    process.kill()
    process.wait()
    raise AssertionError(tail(log))


def tail(log: Path) -> str:
    """The end of a log; nothing of /dev/full, which has none."""
    return log.read_text(errors="replace")[-4000:] if log.is_file() else ""


def stop(process: subprocess.Popen[bytes], log: Path, limit_s: float = 60) -> None:
    """SIGTERM: it ends well, and from there on says nothing but lines of its log."""
    process.terminate()
    assert process.wait(limit_s) == 0, tail(log)
    *_, end = log.read_text(errors="replace").partition("Shutting down")
    last = end.splitlines()[1:]
    assert last
    assert [line for line in last if not LOGGED.match(line)] == []
