"""``make demo``: starts the server on the bundled model and asks it a few questions.

Talks to it through the official ``openai`` client, as a user would.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUESTIONS = (
    "What is 62*47+18-9+33?",
    "What is 815*29-14+77+60?",
    "Compute 4138*52+19-67+80-33.",
    "What is 7906*84-25+61-12+48?",
)
TEMPERATURE = 1.75
"""High: at 1 this small model is so sure of itself that its candidates hardly differ."""
OPTIONS = {"preset": "balanced"}
WHY = {
    "confidence": "sure enough",
    "agreement": "they agree",
    "all_done": "none left",
    "deadline": "out of time",
    "budget": "out of tokens",
    "aborted": "called off by an operator",
}
START_LIMIT_S = 300


@contextmanager
def running_server() -> Iterator[str]:
    """The server as a child process; yields its base URL. Shows its log if it does not come up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        command = [sys.executable, "-m", "arrol_serve", "--port", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(server, f"http://127.0.0.1:{port}/health", Path(log.name))
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    began = time.monotonic()
    starting, live = "starting the server on the bundled model ...", sys.stdout.isatty()
    print(starting, end="" if live else "\n", flush=True)
    while True:
        waited = time.monotonic() - began
        if live:
            print(f"\r{starting} {waited:3.0f} s", end="", flush=True)
        if server.poll() is not None or waited > START_LIMIT_S:
            tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-30:])
            raise SystemExit(f"\nThe server did not start. The end of its log:\n{tail}")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # our own address
                print(end="\n" if live else "", flush=True)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


def show(question: str, reply: Any) -> None:
    """One question's result, in a few lines."""
    found = reply.arrol
    samples, tokens = found["samples"], found["tokens"]
    votes = ", ".join(
        f"{v['answer']} x{v['count']} ({v['weight']:.2f})" for v in found["votes"][:4]
    )
    print(f"\n{question}")
    for line in reply.choices[0].message.content.splitlines():
        print(f"    {line}")
    print(f"  answer      {found['answer']}   confidence {found['confidence']:.2f}")
    print(f"  votes       {votes}")
    print(
        f"  candidates  {samples['finished']} finished, {samples['pruned']} pruned, of at most "
        f"{samples['requested']}; {WHY[found['stop']]}"
    )
    print(
        f"  tokens      {tokens['generated']} generated, about {tokens['saved_estimate']} saved, "
        f"{found['latency_ms']} ms"
    )


def main() -> None:
    from openai import OpenAI

    with running_server() as url:
        client = OpenAI(base_url=url, api_key="unused")
        model = client.models.list().data[0].id
        for question in QUESTIONS:
            reply = client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": question}],
                seed=7,
                temperature=TEMPERATURE,
                extra_body={"arrol": OPTIONS},
            )
            show(question, reply)
    print(
        "\nVotes: answer x candidates that gave it (sum of the head's probabilities of being right)."
    )


if __name__ == "__main__":
    main()
