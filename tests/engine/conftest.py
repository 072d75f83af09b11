"""One real engine for the session, in this process, on the bundled model and head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.paths import HEAD, MODEL
from trainer.engines.sampling import build_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    built = build_engine(MODEL, HEAD, sequences=64)
    yield built
    built.llm_engine.engine_core.shutdown()


@pytest.fixture
def scheduler(engine: Any) -> Any:
    """The engine's scheduler, idle before and after every test that asks for it."""
    found = engine.llm_engine.engine_core.engine_core.scheduler
    assert not found.requests
    assert not found.arrol_groups
    yield found
    assert not found.requests, "requests left behind"
    assert not found.arrol_groups, "rollout groups left behind"
