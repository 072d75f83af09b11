"""Whose request is being worked on: set by ``auth``, read where the engine is asked."""

from __future__ import annotations

from contextvars import ContextVar

from arrol_serve.admission.queue import Key

CALLER: ContextVar[Key] = ContextVar("arrol_caller", default=None)
"""The number of the API key; None: the server has none."""
