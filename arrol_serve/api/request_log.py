"""One log line for each request that reached the engine or waited for it: what became of it, no text.

With vLLM's ``--logging-config.formatter json`` the fields are the line's own keys.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from arrol_serve.admission.queue import Key
from arrol_serve.errors import Overloaded

logger = logging.getLogger("vllm.arrol_serve.requests")


@dataclass(slots=True)
class RequestRecord:
    """The fields of the line."""

    request_id: str
    """The ``id`` of the response."""
    api_key: Key
    """Its number, never the key."""
    samples: int
    search: bool
    outcome: str = "answered"
    """answered, refused, failed or client_left."""
    stop: str | None = None
    tokens: int = 0
    queue_ms: int = 0
    latency_ms: int = 0


@contextmanager
def logged(record: RequestRecord) -> Iterator[None]:
    """Around a request's work; whoever does it fills in the record."""
    began = time.monotonic()
    try:
        yield
    except Overloaded:
        record.outcome = "refused"
        raise
    except (asyncio.CancelledError, GeneratorExit):
        record.outcome = "client_left"
        raise
    except Exception:
        record.outcome = "failed"
        raise
    finally:
        record.latency_ms = round((time.monotonic() - began) * 1000)
        if logger.isEnabledFor(logging.INFO):
            logger.info(
                "%s %s: %s in %d ms, %d tokens",
                "search" if record.search else "request",
                record.request_id,
                record.outcome,
                record.latency_ms,
                record.tokens,
                extra={field.name: getattr(record, field.name) for field in fields(record)},
            )
