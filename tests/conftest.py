"""The two test processes (pytest-xdist) have their own cores: engines that share one wait for each other."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

SHARED = ("tests/engine/", "tests/server/")
"""Folders whose files use one engine, or one server, of the session."""
APART = "tests/server/running/"
"""Files with servers of their own."""


class Together(LoadFileScheduling):
    """File by file, but files that share a server go to the same process, so that it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = next((folder for folder in SHARED if file.startswith(folder)), file)
        return file if file.startswith(APART) else folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together | None:
    return Together(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_configure() -> None:
    """Keep a process of several, and all that it starts, on its share of the cores."""
    name = os.environ.get("PYTEST_XDIST_WORKER")
    if name is None or not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    own = cores[int(name.removeprefix("gw")) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]
    if own:
        os.sched_setaffinity(0, own)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Commands quiet vLLM for good: after one in this process, the next server would not log."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
