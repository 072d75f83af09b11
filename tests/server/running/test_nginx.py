"""docs/deploy/nginx.conf in a real nginx, in front of two real servers."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from benchmarks.processes import free_port
from tests.paths import ROOT
from tests.server.running.replicas import Replica, started_replicas

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]
QUESTION = {"messages": [{"role": "user", "content": "What is 17*6-35+8?"}], "model": "arrol-tiny"}
MAIN = """
user root; daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log info;
events {{}}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/arrol.conf;
}}
"""


@dataclass(frozen=True)
class Front:
    url: str
    replicas: list[Replica]

    def ask(self, **headers: str) -> httpx.Response:
        body = QUESTION | {"max_tokens": 8}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=60)

    def share(self, ask: int, **headers: str) -> Counter[int]:
        """Which replicas served so many requests, sent four at a time."""
        before = [replica.served() for replica in self.replicas]
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda _: self.ask(**headers), range(ask)))
        assert {reply.status_code for reply in replies} == {200}
        found = [r.served() - b for r, b in zip(self.replicas, before, strict=True)]
        return Counter({i: count for i, count in enumerate(found) if count})


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    with started_replicas(folder, 2) as replicas:
        text = (ROOT / "docs" / "deploy" / "nginx.conf").read_text()
        text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
        for number, replica in enumerate(replicas, 1):
            assert f"replica-{number}:8000" in text
            text = text.replace(f"replica-{number}:8000", replica.url.removeprefix("http://"))
        (folder / "arrol.conf").write_text(text)
        (folder / "main.conf").write_text(MAIN.format(folder=folder))
        command = ["nginx", "-p", str(folder), "-e", str(folder / "start.log"), "-c", "main.conf"]
        with subprocess.Popen(command) as nginx:
            wait_for(f"http://127.0.0.1:{port}/health")
            yield Front(f"http://127.0.0.1:{port}", replicas)
            nginx.send_signal(signal.SIGQUIT)


def wait_for(url: str) -> None:
    for _ in range(100):
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_sessions_stay_and_other_requests_spread(front: Front) -> None:
    assert set(front.share(24)) == {0, 1}
    homes = [front.share(4, **{"X-Session-Id": f"session-{i}"}) for i in range(12)]
    assert all(len(home) == 1 for home in homes)
    assert {place for home in homes for place in home} == {0, 1}


def test_connections_to_replicas_stay_open(front: Front) -> None:
    with httpx.Client(base_url=front.url) as client:
        client.get("/v1/models")
        before = [replica.connections() for replica in front.replicas]
        for _ in range(30):
            assert client.get("/v1/models").status_code == 200
        assert [replica.connections() for replica in front.replicas] == before


def test_an_idle_connection_is_not_lost(front: Front) -> None:
    """uvicorn's own default closes after 5 s, and the next request on that connection fails."""
    with httpx.Client(base_url=front.url, timeout=60) as client:
        for _ in range(2):
            reply = client.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 4})
            assert reply.status_code == 200
            time.sleep(7)


def test_a_stream_comes_as_it_is_made(front: Front) -> None:
    search = {"samples": 8, "stream": "progress"}
    body = QUESTION | {"stream": True, "arrol": search, "max_tokens": 200, "seed": 1}
    began, times = time.monotonic(), []
    with httpx.stream("POST", f"{front.url}/v1/chat/completions", json=body, timeout=120) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                json.loads(line.removeprefix("data: "))
                times.append(time.monotonic() - began)
    assert len(times) > 2
    assert times[0] < times[-1] / 2


def test_bodies_as_large_as_the_server_takes_pass(front: Front) -> None:
    """nginx's own limit is 1 MiB, and its 413 is a page of HTML."""
    words = "7 " * 1_000_000
    body = QUESTION | {"messages": [{"role": "user", "content": words}]}
    reply = httpx.post(f"{front.url}/v1/chat/completions", json=body, timeout=120)
    assert reply.status_code == 400
    assert reply.json()["error"]


def test_metrics_are_not_for_clients(front: Front) -> None:
    assert httpx.get(f"{front.url}/metrics").status_code == 404


def test_a_replica_that_leaves_loses_no_request(front: Front) -> None:
    """Last: it ends one. Sessions move to the other one."""
    homes = {
        f"session-{i}": next(iter(front.share(1, **{"X-Session-Id": f"session-{i}"})))
        for i in range(8)
    }
    leaving = front.replicas[0]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(front.ask, **{"X-Session-Id": f"session-{i % 8}"}) for i in range(60)]
        time.sleep(0.3)
        leaving.process.send_signal(signal.SIGTERM)
        statuses = Counter(future.result().status_code for future in asked)
    assert statuses == {200: 60}
    assert leaving.process.wait(60) == 0
    assert 0 in homes.values()
    for session in homes:
        assert front.ask(**{"X-Session-Id": session}).status_code == 200
