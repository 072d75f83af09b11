"""The OpenAPI document of our routes, made without an engine. vLLM documents its own at /docs."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from arrol_serve import __version__
from arrol_serve.api import chat, completion, models


def openapi_document() -> dict[str, Any]:
    """What ``openapi.yaml`` holds: the routes that arrol-serve puts in place of vLLM's."""
    app = FastAPI(
        title="arrol-serve",
        version=__version__,
        description="OpenAI's API with candidate search, in-engine pruning and weighted votes.",
    )
    for module in (chat, completion, models):
        app.include_router(module.router)
    return app.openapi()
