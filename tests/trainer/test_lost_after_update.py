"""A step whose judge is lost after the update: it is in the metrics, and its evaluation is made up for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.trainer.test_runs import failed, policy, run
from trainer.run import checkpoint
from trainer.run.log import read_metrics

LOST = 3
"""Evaluation, step and evaluation; the second evaluation finds nobody."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        real = any(body["completions"])  # the check before a run sends an empty one
        self.server.asked += real
        rewards = [float("9" in reply) for reply in body["completions"]]
        text = json.dumps({"rewards": rewards}).encode()
        self.send_response(401 if real and self.server.asked == LOST else 200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_no_step_is_without_its_row(server: Server, tmp_path: Path) -> None:
    url, out = f"http://127.0.0.1:{server.server_port}/score", tmp_path / "run"
    changes = {"run.steps": 2, "eval.every": 1, "eval.questions": 2, "reward.function": url}
    changes |= {"eval.keep_best": "pass@1", "reward.truncated": "graded"}
    said = failed(policy(out, **changes))
    assert "answered 401" in said
    assert "Traceback" not in said
    first, made = read_metrics(out)
    assert (made["step"], first["step"]) == (1, 0)
    assert made["tokens_trained"] >= 0
    assert made["seconds/total"] > 0
    assert "eval/pass@1" not in made
    saved = checkpoint.load_state(checkpoint.find(out / "checkpoints", "newest"))
    assert (saved["done"], saved["examined"]) == (1, 0)

    run(policy(out, "--resume", "auto", **changes))
    rows = read_metrics(out)
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert all(0 <= row["eval/pass@1"] <= 1 for row in rows)
    assert {key: rows[1][key] for key in made if key != "time"} == {
        key: value for key, value in made.items() if key != "time"
    }
    assert server.asked == LOST + 3
