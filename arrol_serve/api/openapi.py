"""The OpenAPI document of our routes, made without an engine. vLLM documents its own at /docs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import vllm
from fastapi import FastAPI

from arrol_serve import __version__
from arrol_serve.api import page
from arrol_serve.api.document.stream import SCHEMAS
from arrol_serve.api.routes import chat, completion, messages, models, responses

OPENAIS = {
    "SearchableResponsesRequest": ("input", "tools", "tool_choice", "previous_input_messages"),
    "SearchedResponse": ("output", "tools", "tool_choice", "input_messages", "output_messages"),
}
KEY_SCHEME = "api_key"
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def openapi_document() -> dict[str, Any]:
    """What ``openapi.yaml`` holds: the routes that arrol-serve puts in place of vLLM's."""
    app = FastAPI(
        title="arrol-serve",
        version=__version__,
        description="OpenAI's API with candidate search, in-engine pruning and weighted votes.",
    )
    for module in (chat, completion, responses, messages, models, page):
        app.include_router(module.router)
    document = app.openapi()
    document["info"]["x-vllm"] = ".".join(
        vllm.__version__.split(".")[:2]
    )  # its fields differ by version
    schemas = document["components"]["schemas"]
    schemas |= SCHEMAS
    document["components"]["securitySchemes"] = {
        KEY_SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "One of the server's API keys, where it has any.",
        }
    }
    document["security"] = [{KEY_SCHEME: []}, {}]
    for operation in _operations(document):
        operation["responses"].pop("422", None)  # ours are 400, in the route's own shape
        for status in ("429", "503"):
            if status in operation["responses"]:
                operation["responses"][status]["headers"] = RETRY_AFTER
    _shorten(schemas)
    document["components"]["schemas"] = _reachable(schemas, document["paths"])
    return document


def _shorten(schemas: dict[str, Any]) -> None:
    """Leave the unions of the responses API, hundreds of OpenAI's own types, to OpenAI's description."""
    for name, fields in OPENAIS.items():
        for field in fields:
            schemas[name]["properties"][field] = {"description": "As in OpenAI's API."}


def _reachable(schemas: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    """The schemas that ``paths`` lead to."""
    found: set[str] = set()
    left = _named(paths)
    while left:
        found |= left
        left = set().union(*(_named(schemas[name]) for name in left)) - found
    return {name: schema for name, schema in schemas.items() if name in found}


def _named(part: dict[str, Any]) -> set[str]:
    """The schemas that a part of the document refers to."""
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(part)))


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()
