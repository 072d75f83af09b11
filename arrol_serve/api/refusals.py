"""What a request that generates may not hold: it would have no effect, or touch other callers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from arrol_serve.config import ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import HEADER
from arrol_serve.sampling_plan.options import clip

UNSUPPORTED = {
    "use_beam_search": "beams are not independent samples",
    "best_of": "samples says how many candidates there are",
    "prompt_logprobs": "it would switch off the prompt cache that the candidates share",
    "echo": "what is compared and returned are completions alone",
    "suffix": "what is compared and returned are whole answers",
    "prompt_embeds": "the candidates need a prompt of text or token ids",
    "kv_transfer_params": "one transfer cannot feed several candidates",
    "ec_transfer_params": "one transfer cannot feed several candidates",
    "conversation": "no conversation is kept here, send all of it",
    "mcp_servers": "the server calls no tools",
    "background": "a search is answered on the connection that asked for it",
}
"""Request fields that cannot take effect in a search, and why."""
SHAPING = frozenset(
    (
        *("n", "seed", "stop", "stop_sequences", "stop_token_ids", "bad_words", "ignore_eos"),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "min_tokens"),
        *("temperature", "top_p", "top_k", "min_p", "logit_bias", "logprobs", "top_logprobs"),
        *("presence_penalty", "frequency_penalty", "repetition_penalty"),
        *("response_format", "structured_outputs", "output_config", "output_format", "tools"),
        *("messages", "prompt", "input", "instructions", "system"),
    )
)
"""Fields that shape the reply of one API or another. Where a route has no such field, it would be silent."""
EMPTY: tuple[Any, ...] = ("", [], {})
LONGEST_ID = 256
"""Characters of a request id: it comes back in every chunk of a stream."""
OUR_KEYS = frozenset(
    (
        *("samples", "budget", "min_samples", "max_total_tokens", "deadline_s", "zero_temperature"),
        *("prune", "probes", "min_survivors", "early_stop", "vote", "scorer"),
    )
)
"""Keys of the ``arrol`` object that are no field of any other API."""
OWN_TOOLS = ("function", "custom", "namespace")
"""Types of tools that the client runs itself. Those that the server runs take several turns."""
RUN_BY_CLIENTS = ("bash", "browser", "computer", "memory", "text_editor")
"""How types of tools begin that Anthropic describes and clients run. Its servers run the others."""
MAX_PROMPTS = 2048
"""Prompts of one plain request: OpenAI's own limit."""


def declared(request: Any, name: str) -> Any:
    """A field of the request's own API; None: it has no such field, whatever the client sent."""
    return None if name in (request.model_extra or {}) else getattr(request, name, None)


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that nearly ask for a search, and those that say two things."""
    names = list(headers)
    for name in names:
        if not name.startswith(HEADER) and _nearly_ours(name):
            raise InvalidRequest(
                f"Unknown header {clip(name)}: it would have no effect. Options of a search go into "
                "headers such as X-Arrol-Samples.",
                param=clip(name),
            )
        if name.startswith(HEADER) and names.count(name) > 1:
            shown = clip(name.title())
            raise InvalidRequest(f"The header {shown} stands twice: send it once.", param=shown)


@lru_cache(maxsize=256)
def _nearly_ours(header: str) -> bool:
    """Whether one of ours may have been meant. ``x-arr-ssl``, which proxies set, is far enough."""
    start = re.split("[-_]", re.sub("^x[-_]", "", header[:32]))[0]
    return start.startswith("arrol") or bool(difflib.get_close_matches(start, ["arrol"], 1, 0.85))


def check_id(request: Any, handler: Any) -> None:
    """Refuse ids that are long, and those that could name what a server with vLLM's store keeps."""
    name = declared(request, "request_id")
    if isinstance(name, str) and len(name) > LONGEST_ID:
        raise InvalidRequest(
            f"request_id may have at most {LONGEST_ID} characters.", param="request_id"
        )
    if getattr(handler, "enable_store", False) and "request_id" in request.model_fields_set:
        raise InvalidRequest(
            "request_id names the response that this server keeps, which could be another caller's: "
            "remove it.",
            param="request_id",
        )


def _cannot(name: str, why: str) -> NoReturn:
    raise InvalidRequest(
        f"{name} cannot take effect in a search: {why}. Remove it, or ask for a plain completion "
        'with "arrol": false.',
        param=name,
    )


def check_size(request: Any, config: ServerConfig) -> None:
    """A plain request must not be larger than a search may be."""
    n: Any = declared(request, "n")
    if n is not None and n > config.max_samples:
        raise InvalidRequest(
            f"n may be at most {config.max_samples} on this server, got {clip(n)}.",
            param="n",
        )
    prompt: Any = declared(request, "prompt")
    several = isinstance(prompt, list) and not isinstance(next(iter(prompt), 0), int)
    if several and len(prompt) > MAX_PROMPTS:
        raise InvalidRequest(
            f"At most {MAX_PROMPTS} prompts go into one request, got {len(prompt)}.", param="prompt"
        )


def refuse_misplaced(request: Any, ours: frozenset[str]) -> None:
    """Keys of ours in the wrong place, or misspelt, would have no effect.

    What else vLLM ignores in a plain request, it may ignore in a search: clients send a lot of it.
    """
    for name, value in (request.model_extra or {}).items():
        if value is None:
            continue
        if name in ours or _means_us(name):
            raise InvalidRequest(
                f"Unknown field {clip(name)!r}: it would have no effect. Options of a search go "
                f'into the object "arrol", such as "arrol": {{"samples": 16}}.',
                param=clip(name),
            )


def _means_us(name: str) -> bool:
    """Our name misspelt, in capitals, or as a header or an xarg begins, however long it is."""
    start = name[:16].lower().removeprefix("x-")
    return start.startswith("arrol") or bool(difflib.get_close_matches(start, ["arrol"], 1, 0.75))


def _says_something(value: Any) -> bool:
    """0 does: it is a seed, or a limit."""
    return value is not None and value is not False and value not in EMPTY


def refuse_unsupported(request: Any) -> None:
    extra = request.model_extra or {}
    for name, why in UNSUPPORTED.items():
        value = extra.get(name, getattr(request, name, None))
        if _says_something(value):
            _cannot(name, why)
    for name in SHAPING & extra.keys():
        if _says_something(extra[name]) and (name, extra[name]) != ("n", 1):
            _cannot(name, "this route has no such field")
    for tool in declared(request, "tools") or ():
        kind = getattr(tool, "type", None) or "function"
        if kind not in OWN_TOOLS and hasattr(request, "max_tool_calls"):
            _cannot("tools", f"the server would call {clip(kind)} in several turns of one request")
    prompt = declared(request, "prompt")
    if (
        isinstance(prompt, list)
        and len(prompt) != 1
        and not all(isinstance(p, int) for p in prompt)
    ):
        raise InvalidRequest(
            f"A search answers one prompt, got {len(prompt)}: send one request for each.",
            param="prompt",
        )


def foreign_tool(tools: Any) -> str | None:
    """The type of the first tool that only Anthropic's models and servers know; None: there is none.

    Of a message that has not been validated: vLLM drops a tool's type, and asks for a schema that such
    tools have none of.
    """
    listed = tools if isinstance(tools, list) else []
    kinds = (tool.get("type") for tool in listed if isinstance(tool, dict))
    return next((kind for kind in kinds if isinstance(kind, str) and kind not in OWN_TOOLS), None)


def refuse_foreign_tool(kind: str) -> NoReturn:
    why = "the server would call it in several turns of one request"
    if kind.startswith(RUN_BY_CLIENTS):
        why = "what it takes is known to Anthropic's models alone"
    raise InvalidRequest(
        f"tools: a search cannot offer {clip(kind)}: {why}. Leave it out, or describe a tool that you run "
        "yourself with name, description and input_schema, without a type.",
        param="tools",
    )
