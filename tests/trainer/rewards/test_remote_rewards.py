"""A reward server over HTTP, well and in every way unwell; the server is a real one in this process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from arrol_serve.answers.pool import AnswerPool
from trainer.errors import ConfigError, RewardLost
from trainer.prompts.prompt import Prompt
from trainer.rewards.grader import Grade, Grader
from trainer.sections import RewardSection

PROMPT = Prompt("q", "test", "2+2?", "4", row={"level": 7})
TIME_S = 1.0
ODD = ["1", None, float("nan")]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[tuple[str, dict[str, Any], dict[str, str]]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body, dict(self.headers)))
        times = sum(path == self.path for path, _, _ in self.server.asked)
        replies = body["completions"]
        rewards = [float(r == g) for r, g in zip(replies, body["gold"], strict=True)]
        values: list[Any] = {"/short": rewards[1:], "/odd": ODD[: len(rewards)]}.get(
            self.path, rewards
        )
        if self.path == "/hangs":
            time.sleep(4 * TIME_S)
        if self.path == "/drips":
            self._drip()
        elif self.path == "/busy" and times < 3:
            self._say(503, "later", {"retry-after": "0"})
        elif self.path == "/some" and "bad" in replies:
            self._say(422, "no such reply")
        elif self.path == "/moved":
            self._say(307, "", {"location": "/new"})
        elif self.path == "/refuses":
            self._say(401, "who are you?")
        else:
            self._say(200, "fine" if self.path == "/talks" else json.dumps({"rewards": values}))

    def _say(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b" ")
                time.sleep(TIME_S / 5)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def pool() -> Iterator[AnswerPool]:
    made = AnswerPool(workers=1, timeout_s=TIME_S)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def graded(pool: AnswerPool, url: str, *replies: str, **given: Any) -> list[Grade]:
    options = RewardSection(function=url, timeout_s=TIME_S, **given)
    return Grader(pool, options).grade([(reply, PROMPT) for reply in replies])


def test_rewards_of_a_server(
    pool: AnswerPool, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sesame")
    found = graded(pool, f"{server.url}/fine", "4", "5", key_env="MY_KEY")
    assert [(grade.value, grade.right) for grade in found] == [(1, True), (0, False)]
    assert found[0].parts == {"fine": 1.0}
    ((_, body, headers),) = server.asked
    assert body == {
        "prompts": ["2+2?", "2+2?"],
        "completions": ["4", "5"],
        "level": [7, 7],
        "question": ["2+2?", "2+2?"],
        "gold": ["4", "4"],
        "key": ["q", "q"],
    }
    assert headers["authorization"] == "Bearer sesame"


def test_replies_go_in_batches(pool: AnswerPool, server: Server) -> None:
    graded(pool, f"{server.url}/fine", "1", "2", "3", "4", "5", batch=2)
    assert sorted(len(body["completions"]) for _, body, _ in server.asked) == [1, 2, 2]


def test_a_busy_server_is_asked_again(pool: AnswerPool, server: Server) -> None:
    (grade,) = graded(pool, f"{server.url}/busy", "4")
    assert grade.value == 1
    assert len(server.asked) == 3


def test_a_refused_batch_is_left_out_and_not_sent_again(pool: AnswerPool, server: Server) -> None:
    found = graded(pool, f"{server.url}/some", "bad", "4", batch=1)
    assert [(grade.value, grade.problem) for grade in found] == [(None, "raised"), (1, None)]
    assert len(server.asked) == 2


def test_values_that_are_no_numbers(pool: AnswerPool, server: Server) -> None:
    with pytest.raises(RewardLost, match="1 values for 2 replies"):
        graded(pool, f"{server.url}/short", "4", "5", retries=0)
    found = graded(pool, f"{server.url}/odd", "4", "5", "6", retries=0)
    assert [grade.problem for grade in found] == ["nonsense", "unscored", "nonsense"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/moved", "answered 307: a redirect to /new: name that address"),
        ("/refuses", "answered 401: who are you"),
        ("/talks", "answered 'fine' in place of"),
    ],
)
def test_a_server_that_cannot_do_it_ends_the_run_and_its_start(
    pool: AnswerPool, server: Server, path: str, says: str
) -> None:
    with pytest.raises(RewardLost, match=says):
        graded(pool, server.url + path, "4")
    assert len(server.asked) == 1
    with pytest.raises(ConfigError, match=f"reward.function: {server.url}{path} {says}"):
        Grader(pool, RewardSection(function=server.url + path, timeout_s=TIME_S)).check([PROMPT])


@pytest.mark.parametrize("path", ["/hangs", "/drips"])
def test_a_server_that_never_ends_is_given_up(pool: AnswerPool, server: Server, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(RewardLost, match="did not answer in 1 s, for all 1 replies, in 2 attempts"):
        graded(pool, server.url + path, "4", retries=1)
    assert len(server.asked) == 2
    assert time.monotonic() - began < 2 * (TIME_S + 10) + 5


def test_nobody_there(pool: AnswerPool, server: Server) -> None:
    with pytest.raises(RewardLost, match="cannot be reached: ConnectError"):
        graded(pool, "http://127.0.0.1:9/score", "4", retries=1)
