"""Forks a process for every command it is sent, after importing once what commands take seconds to import.

``python -m tests.warm FD``; requests come over the socket FD. From ``main`` on a command runs as if Python
had just been started for it: with its own arguments, environment, streams and end.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import threading
from importlib import import_module
from typing import Any

IMPORTS = (
    "trainer.loop",
    "trainer.head.job",
    "vllm.entrypoints.llm",
    "vllm.v1.engine.async_llm",
    "vllm.v1.worker.cpu_worker",
    "vllm.model_executor.models.qwen3",
    "arrol_serve.engine.plugin.worker",
    "arrol_serve.engine.plugin.scheduler",
)
REQUEST_BYTES = 1 << 17


def next_command(requests: socket.socket) -> dict[str, Any]:
    """Returns in a process of the next command alone; exits when nobody can ask any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the watchers
    while True:
        message, fds, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 3)
        if not message:
            os._exit(0)
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            return watched(json.loads(message), *fds)
        for fd in fds:
            os.close(fd)


def watched(command: dict[str, Any], reply: int, out: int, err: int) -> dict[str, Any]:
    """Returns in the command's process; its parent tells its process id, and how it ended."""
    pid = os.fork()
    if pid:
        os.write(reply, b"%d\n" % pid)
        os.close(out)
        os.close(err)
        _, status = os.waitpid(pid, 0)
        os.write(reply, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(ours, theirs)
        os.close(ours)
    os.close(reply)
    if command["session"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(command["environment"])
    return command


for name in IMPORTS:
    import_module(name)
assert threading.active_count() == 1, "a fork would have one of these threads alone"
wanted = next_command(socket.socket(fileno=int(sys.argv[1])))
sys.argv = [sys.argv[0], *wanted["words"]]
runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
