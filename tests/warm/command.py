"""Runs ``python -m MODULE`` as ``subprocess`` does, in a fork of a process that has made the imports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from tests.paths import ROOT

PYTHON = [sys.executable, "-m"]
QUIET = {"VLLM_LOGGING_LEVEL": "WARNING", "HF_HUB_OFFLINE": "1"}
"""What an engine in a command's own process sets before vLLM is imported."""


@cache
def _warm() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Where this process asks for forks, and who makes them until this process ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        words = [*PYTHON, "tests.warm", str(theirs.fileno())]
        env = QUIET | os.environ
        return ours, subprocess.Popen(words, cwd=ROOT, pass_fds=[theirs.fileno()], env=env)


class Command:
    """A running command, with the methods of ``subprocess.Popen`` that tests need."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        session: bool = False,
    ) -> None:
        """``words``: ``PYTHON``, module, arguments; in ``ROOT``. ``session``: it leads a process group."""
        assert list(words[:2]) == PYTHON, words
        self.returncode: int | None = None
        asked = {"module": words[2], "words": list(words[3:]), "session": session}
        asked["environment"] = dict(os.environ if env is None else env)
        self._replies, theirs = socket.socketpair()
        with theirs, Path(os.devnull).open("wb") as nothing:
            streams = [nothing if one == subprocess.DEVNULL else one for one in (stdout, stderr)]
            fds = [theirs.fileno(), *(one.fileno() for one in streams)]
            socket.send_fds(_warm()[0], [json.dumps(asked).encode()], fds)
        with self._replies.makefile("rb", buffering=0) as lines:
            self.pid = int(lines.readline())

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._replies.settimeout(timeout)
            try:
                self.returncode = int(self._replies.recv(16))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("command", timeout or 0.0) from None
            self._replies.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    words: Sequence[str], timeout: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run`` with ``capture_output``; other packages than ours need a Python of their own."""
    if env is not None and env.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        return subprocess.run(
            words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = Command(words, stdout=out, stderr=err, env=env)
        try:
            command.wait(timeout)
        finally:
            command.kill()
        said = [_text(one) for one in (out, err)]
    assert command.returncode is not None
    return subprocess.CompletedProcess(list(words), command.returncode, *said)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def kill_once_there(words: Sequence[str], file: Path, timeout: float) -> None:
    """Run the command until ``file`` holds something."""
    with tempfile.TemporaryFile() as err:
        command = Command(words, stderr=err)
        end = time.monotonic() + timeout
        while not (file.exists() and file.stat().st_size):
            assert command.poll() is None, _text(err)[-3000:]
            assert time.monotonic() < end
            time.sleep(0.02)
        command.kill()
        command.wait()
