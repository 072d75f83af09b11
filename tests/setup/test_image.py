"""The CPU image, built from the Dockerfile and run as orchestrators run it.

apt-get install buildah debootstrap
pytest -n 0 -m slow tests/setup/test_image.py        (as root; ARROL_TEST_IMAGE=TAG takes a built image)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import free_port
from tests.paths import ROOT
from tests.setup.container import Container, Image, mounted, running
from tests.setup.machine import torch_wheels

NEEDED = ("buildah", "debootstrap", "unshare", "chroot")
MISSING = [tool for tool in NEEDED if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="building and mounting an image needs root"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
LARGEST = 3.0e9
"""Bytes; it was 4.2e9 with what serving never opens."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    tag = os.environ.get("ARROL_TEST_IMAGE")
    if tag is None:
        tag = "localhost/arrol-serve:test"
        wheels = torch_wheels(tmp_path_factory.mktemp("wheels"))
        subprocess.run([ROOT / "docker" / "build_with_buildah.sh", tag, *wheels], check=True)
    with mounted(tag) as found:
        yield found


def ask(url: str, path: str, body: object = None) -> httpx.Response:
    return httpx.request("GET" if body is None else "POST", url + path, json=body, timeout=60)


def ready(url: str, container: Container) -> None:
    for _ in range(480):
        assert container.process.poll() is None, container.log.read_text()[-3000:]
        try:
            if ask(url, "/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(container.log.read_text()[-3000:])


def works(url: str, container: Container) -> None:
    """Health, a search, metrics."""
    ready(url, container)
    search = {"samples": 8, "prune": {"keep": 0.5}}
    question = [{"role": "user", "content": "What is 17*6-35+8?"}]
    body = {"model": "arrol-tiny", "messages": question, "arrol": search, "seed": 1}
    reply = ask(url, "/v1/chat/completions", body).raise_for_status().json()
    assert reply["arrol"]["answer"] == "75"
    assert 'arrol_requests_total{outcome="answered"' in ask(url, "/metrics").text


USERS = {
    "as the image says": {},
    "a made-up user": {"user": "1234560000:0", "home": "/"},
    "a read-only root": {
        "read_only": True,
        "writable": ("/home/arrol", "/home/arrol/cache", "/tmp"),
    },
    "a made-up user, /tmp alone": {
        **{"user": "1234560000:0", "home": "/"},
        **{"read_only": True, "writable": ("/tmp",)},
    },
}


@pytest.mark.parametrize("how", USERS)
def test_it_serves(image: Image, tmp_path: Path, how: str) -> None:
    port = free_port()
    with running(image, tmp_path / "log", ["--port", str(port)], **USERS[how]) as container:
        works(f"http://127.0.0.1:{port}", container)
        assert container.terminate() == 0


HOMES = {
    "as the image says": "home/arrol",
    "a made-up user, /tmp alone": "tmp/arrol-serve-1234560000",
}


@pytest.mark.parametrize("how", HOMES)
def test_it_compiles_the_kernels_of_a_model(image: Image, tmp_path: Path, how: str) -> None:
    """No --enforce-eager: compiler, headers and a folder for what they make are there."""
    (folder,) = image.root.glob("opt/arrol/lib/python3.*/site-packages/arrol_serve/bundled_model")
    model, port = f"/{folder.relative_to(image.root)}", free_port()
    line = [model, "--port", str(port), "--max-model-len", "512", "--max-num-seqs", "16"]
    line += ["--served-model-name", "arrol-tiny", "--kv-cache-memory-bytes", str(2**28)]
    with running(image, tmp_path / "log", line, **USERS[how]) as container:
        works(f"http://127.0.0.1:{port}", container)
        assert list(container.inside(HOMES[how]).glob(".cache/vllm/torch_compile_cache/**/*.so"))


def test_it_holds_what_serving_needs_alone(image: Image) -> None:
    assert image.bytes() < LARGEST


def test_the_init_containers_command_is_there(image: Image) -> None:
    assert (image.root / "opt/arrol/bin/hf").exists()
