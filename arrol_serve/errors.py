"""Every error the server raises on purpose; ``api/error_response.py`` is the only place that maps them.

Each subclass names the boundary that was crossed. Messages say what was wrong, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ArrolError(Exception):
    """Root. ``status`` is the HTTP status, ``kind`` and ``code`` the OpenAI error's type and code."""

    status = 500
    kind = "server_error"
    code: str | None = None

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class InvalidRequest(ArrolError, ValueError):
    """The client asked for something malformed or contradictory; ``param`` names the field."""

    status = 400
    kind = "invalid_request_error"
    code = "invalid_value"


class HeadMismatch(ArrolError, ValueError):
    """A quality head is missing, corrupt, or was made for another model."""

    status = 400
    kind = "invalid_request_error"
    code = "head_mismatch"


class UnsupportedEngine(ArrolError, RuntimeError):
    """This vLLM, or the way it was configured, cannot host the plugin."""

    code = "unsupported_engine"


class EngineUnavailable(ArrolError, RuntimeError):
    """The engine is dead or not ready."""

    status = 503
    code = "engine_unavailable"


class ShuttingDown(EngineUnavailable):
    """The server drains; try another replica after ``retry_after_s`` seconds."""

    code = "shutting_down"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineRefused(ArrolError, RuntimeError):
    """The engine did not do what the admin port asked of it."""

    status = 409
    kind = "invalid_request_error"
    code = "engine_refused"


class Overloaded(ArrolError, RuntimeError):
    """Admission refused the request; try again after ``retry_after_s`` seconds."""

    status = 429
    kind = "rate_limit_error"
    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: int, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(ArrolError, TimeoutError):
    """The deadline passed and no candidate was usable."""

    status = 504
    kind = "timeout_error"
    code = "deadline_exceeded"


def complaint(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in words, without what it puts before a ``ValueError``'s."""
    return str(error["msg"]).removeprefix("Value error, ")
