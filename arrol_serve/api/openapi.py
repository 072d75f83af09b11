"""The OpenAPI document of our routes, made without an engine. vLLM documents its own at /docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import vllm
from fastapi import FastAPI

from arrol_serve import __version__
from arrol_serve.api import chat, completion, models

KEY_SCHEME = "api_key"
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def openapi_document() -> dict[str, Any]:
    """What ``openapi.yaml`` holds: the routes that arrol-serve puts in place of vLLM's."""
    app = FastAPI(
        title="arrol-serve",
        version=__version__,
        description="OpenAI's API with candidate search, in-engine pruning and weighted votes.",
    )
    for module in (chat, completion, models):
        app.include_router(module.router)
    document = app.openapi()
    document["info"]["x-vllm"] = ".".join(
        vllm.__version__.split(".")[:2]
    )  # its fields differ by version
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # ours are 400, in OpenAI's shape
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {
        KEY_SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "One of the server's API keys, where it has any.",
        }
    }
    document["security"] = [{KEY_SCHEME: []}, {}]
    for operation in _operations(document):
        operation["responses"].pop("422", None)
        for status in ("429", "503"):
            if status in operation["responses"]:
                operation["responses"][status]["headers"] = RETRY_AFTER
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()
