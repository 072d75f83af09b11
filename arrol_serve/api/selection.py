"""Reads from a vLLM request which search it asks for, and leaves a ticket for the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arrol_serve.api.ticket import TICKET_KEY, SearchTicket
from arrol_serve.config import ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import XARG, Selectors, check_defaults, check_sampling, resolve
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
}
"""Request fields that cannot take effect in a search, and why."""

HARMLESS = frozenset(
    ("arrol", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
)
"""OpenAI's fields that say nothing about generation. In a search any other unknown one is refused."""


@dataclass(frozen=True, slots=True)
class ArrolState:
    """What our routes need, on ``app.state.arrol``. Read-only."""

    config: ServerConfig
    served: tuple[str, ...]
    aliases: Mapping[str, tuple[str, Mapping[str, Any]]]
    """Alias -> (served model, ``arrol`` object)."""


def build_state(config: ServerConfig, served: tuple[str, ...]) -> ArrolState:
    """Resolve the aliases of every served name. Raises ``InvalidRequest`` for broken ones."""
    check_defaults(config)
    aliases: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for model in served:
        for name, body in config.aliases_of(model).items():
            if name in served:
                raise InvalidRequest(f"Alias {name} is the name of a served model: rename it.")
            aliases.setdefault(name, (model, body))
    return ArrolState(config, served, aliases)


def select(
    request: Any, headers: Mapping[str, str], arrol: ArrolState, default_temperature: float
) -> tuple[SearchTicket | None, str]:
    """The request's ticket, or None for a plain one, and the model name to answer under.

    Replaces an alias in ``request.model`` by the served model, and takes our keys out of
    ``request.vllm_xargs``. Raises ``InvalidRequest``.
    """
    shown = request.model or arrol.served[0]
    alias = arrol.aliases.get(shown)
    if alias is not None:
        request.model = alias[0]
    selectors = Selectors(
        headers=headers,
        body=request.arrol,
        xargs=request.vllm_xargs or {},
        alias=alias[1] if alias else None,
    )
    plan = resolve(selectors, arrol.config)
    if request.vllm_xargs:
        request.vllm_xargs = _foreign(request.vllm_xargs)
    if plan is None:
        _check_size(request, arrol.config)
        return None, shown
    _refuse_unsupported(request)
    choices = 1 if request.n is None else request.n
    temperature = default_temperature if request.temperature is None else request.temperature
    check_sampling(plan, n=choices, temperature=temperature)
    if plan.stream == "progress" and not request.stream:
        raise InvalidRequest(
            'arrol.stream "progress" needs a streaming request: add "stream": true.',
            param="arrol.stream",
        )
    ticket = SearchTicket(plan, choices)
    request.vllm_xargs = {**(request.vllm_xargs or {}), TICKET_KEY: ticket}
    return ticket, shown


def _foreign(xargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Xargs for others. A client's own ``arrol`` would reach the engine as a candidate's plan."""
    if "arrol" in xargs:
        raise InvalidRequest(
            "vllm_xargs.arrol is reserved: use flat keys such as vllm_xargs.arrol_samples.",
            param="vllm_xargs.arrol",
        )
    return {key: value for key, value in xargs.items() if not key.lower().startswith(XARG)} or None


MAX_PROMPTS = 2048
"""Of one plain request; OpenAI's own limit."""


def _check_size(request: Any, config: ServerConfig) -> None:
    """A plain request must not be larger than a search may be."""
    if request.n is not None and request.n > config.max_samples:
        raise InvalidRequest(
            f"n may be at most {config.max_samples} on this server, got {clip(request.n)}.",
            param="n",
        )
    prompt: Any = getattr(request, "prompt", None)
    several = isinstance(prompt, list) and not isinstance(next(iter(prompt), 0), int)
    if several and len(prompt) > MAX_PROMPTS:
        raise InvalidRequest(
            f"At most {MAX_PROMPTS} prompts go into one request, got {len(prompt)}.", param="prompt"
        )


def _refuse_unsupported(request: Any) -> None:
    extra = request.model_extra or {}
    for name in extra:
        if name not in HARMLESS and name not in UNSUPPORTED:
            raise InvalidRequest(
                f"Unknown field {name!r}: it would have no effect. Remove it.", param=name
            )
    for name, why in UNSUPPORTED.items():
        if getattr(request, name, None) or extra.get(name):
            raise InvalidRequest(
                f"{name} cannot take effect in a search: {why}. Remove it, or ask for a plain "
                'completion with "arrol": false.',
                param=name,
            )
    prompt = getattr(request, "prompt", None)
    if (
        isinstance(prompt, list)
        and len(prompt) != 1
        and not all(isinstance(p, int) for p in prompt)
    ):
        raise InvalidRequest(
            f"A search answers one prompt, got {len(prompt)}: send one request for each.",
            param="prompt",
        )
