"""vLLM's request and response models with the ``arrol`` object, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from vllm.entrypoints.anthropic.protocol import (
    AnthropicMessagesRequest,
    AnthropicMessagesResponse,
)
from vllm.entrypoints.openai.chat_completion.protocol import (
    ChatCompletionRequest,
    ChatCompletionResponse,
)
from vllm.entrypoints.openai.completion.protocol import CompletionRequest, CompletionResponse
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest, ResponsesResponse

from arrol_serve.api.reply.response import ArrolReport
from arrol_serve.errors import complaint
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


class Typed(BaseModel):
    """Wrong types are validation errors.

    vLLM's validators look into some values before their types are checked, and fail as code does.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _told(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except (AttributeError, TypeError, LookupError) as error:
            raise ValueError(_wrong(cls, data)) from error


def _wrong(model: type[BaseModel], data: Any) -> str:
    """Which fields are not what they should be, each looked at by itself."""
    found = []
    for name, value in data.items() if isinstance(data, dict) else ():
        field = model.model_fields.get(name)
        expected: Any = Any if field is None else field.annotation
        try:
            TypeAdapter(expected).validate_python(value)
        except ValidationError as error:
            found.append(f"{name}: {complaint(error.errors()[0])}")
        except (AttributeError, TypeError, LookupError):  # of vLLM's again
            continue
    return "; ".join(found) or "a field has another type than it should have"


class SearchableChatRequest(Typed, ChatCompletionRequest):
    """vLLM's request with our object."""

    field_names: ClassVar[set[str] | None] = None  # vLLM caches them on the class
    arrol: ArrolField = None


class SearchableCompletionRequest(Typed, CompletionRequest):
    """vLLM's request with our object."""

    field_names: ClassVar[set[str] | None] = None
    arrol: ArrolField = None


class SearchableResponsesRequest(Typed, ResponsesRequest):
    """vLLM's request with our object."""

    field_names: ClassVar[set[str] | None] = None
    arrol: ArrolField = None


class SearchableMessagesRequest(Typed, AnthropicMessagesRequest):
    """vLLM's request with our object."""

    model_config = ConfigDict(extra="allow")  # so that our keys in the wrong place are seen
    arrol: ArrolField = None


class SearchedChatResponse(ChatCompletionResponse):
    """vLLM's response; ``arrol`` is there when a search was asked for."""

    arrol: ArrolReport | None = None


class SearchedCompletionResponse(CompletionResponse):
    """vLLM's response; ``arrol`` is there when a search was asked for."""

    arrol: ArrolReport | None = None


class SearchedResponse(ResponsesResponse):
    """vLLM's response; ``arrol`` is there when a search was asked for."""

    arrol: ArrolReport | None = None


class SearchedMessage(AnthropicMessagesResponse):
    """vLLM's message; ``arrol`` is there when a search was asked for."""

    arrol: ArrolReport | None = None
