"""vLLM's request and response models with the ``arrol`` object, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import WithJsonSchema
from vllm.entrypoints.openai.chat_completion.protocol import (
    ChatCompletionRequest,
    ChatCompletionResponse,
)
from vllm.entrypoints.openai.completion.protocol import CompletionRequest, CompletionResponse

from arrol_serve.api.response import ArrolReport
from arrol_serve.sampling_plan import ArrolOptions


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` without ``$ref``: it will stand inside another document."""
    definitions = schema.get("$defs", {})

    def expand(node: Any) -> Any:
        if isinstance(node, list):
            return [expand(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return expand(definitions[node["$ref"].rsplit("/", 1)[-1]])
        return {key: expand(value) for key, value in node.items() if key != "$defs"}

    expanded: dict[str, Any] = expand(schema)
    return expanded


_OPTIONS = {"anyOf": [inlined(ArrolOptions.model_json_schema()), {"type": "boolean"}]}
# Any: our own validation names the nearest key and says what to do, which pydantic's does not.
ArrolField = Annotated[Any, WithJsonSchema(_OPTIONS)]


class SearchableChatRequest(ChatCompletionRequest):
    """vLLM's request with our object."""

    field_names: ClassVar[set[str] | None] = None  # vLLM caches them on the class
    arrol: ArrolField = None


class SearchableCompletionRequest(CompletionRequest):
    """vLLM's request with our object."""

    field_names: ClassVar[set[str] | None] = None
    arrol: ArrolField = None


class SearchedChatResponse(ChatCompletionResponse):
    """vLLM's response; ``arrol`` is there when a search was asked for."""

    arrol: ArrolReport | None = None


class SearchedCompletionResponse(CompletionResponse):
    """vLLM's response; ``arrol`` is there when a search was asked for."""

    arrol: ArrolReport | None = None
