"""Reads from a vLLM request which search it asks for, and leaves a ticket for the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arrol_serve.api.refusals import (
    OUR_KEYS,
    check_headers,
    check_id,
    check_size,
    declared,
    refuse_misplaced,
    refuse_unsupported,
)
from arrol_serve.api.ticket import SearchTicket
from arrol_serve.config import ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import (
    XARG,
    SearchPlan,
    Selectors,
    check_defaults,
    check_sampling,
    named,
    resolve,
)
from arrol_serve.sampling_plan.options import clip
from arrol_serve.sampling_plan.selectors import blamed


@dataclass(frozen=True, slots=True)
class ArrolState:
    """What our routes need, on ``app.state.arrol``. Read-only."""

    config: ServerConfig
    served: tuple[str, ...]
    aliases: Mapping[str, tuple[str, Mapping[str, Any]]]
    """Alias -> (served model or adapter, ``arrol`` object)."""

    def adapter(self, model: str) -> str | None:
        """``model`` if it is none of the base model's names: adapters may also come while we serve."""
        return None if model in self.served else model

    def config_of(self, adapter: str | None) -> ServerConfig:
        """What holds for searches of the base model, or of an adapter."""
        return self.config if adapter is None else self.config.of_adapter(adapter)


def build_state(
    config: ServerConfig, served: tuple[str, ...], adapters: Sequence[str] = ()
) -> ArrolState:
    """Resolve the aliases of every served name, and of adapters those that they can do.

    Raises ``InvalidRequest`` for broken ones.
    """
    check_defaults(config)
    aliases: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for model in (*served, *adapters):
        for name, body in config.aliases_of(model).items():
            if name in served or name in adapters:
                raise InvalidRequest(f"Alias {name} is the name of a served model: rename it.")
            if model in served or _works(body, config.of_adapter(model)):
                aliases.setdefault(name, (model, body))
    return ArrolState(config, served, aliases)


def _works(options: Mapping[str, Any], config: ServerConfig) -> bool:
    try:
        return resolve(Selectors(alias=options), config) is not None
    except InvalidRequest:  # it needs a head
        return False


def select(
    request: Any, headers: Mapping[str, str], arrol: ArrolState, handler: Any
) -> tuple[SearchTicket | None, str]:
    """The request's ticket, or None for a plain one, and the model name to answer under.

    ``request`` is any of vLLM's that generate, ``handler`` vLLM's serving object for it. Replaces an
    alias in ``request.model`` by the served model, and takes our keys out of ``request.vllm_xargs``.
    Raises ``InvalidRequest``.
    """
    check_headers(headers)
    check_id(request, handler)
    shown = request.model or arrol.served[0]
    model, selectors, plan = _resolved(
        shown, headers, request.arrol, request.vllm_xargs or {}, arrol
    )
    if shown in arrol.aliases:
        request.model = model
    adapter = arrol.adapter(model)
    if request.vllm_xargs:
        request.vllm_xargs = _foreign(request.vllm_xargs)
    refuse_misplaced(request, frozenset() if plan is None else OUR_KEYS)
    if plan is None:
        check_size(request, arrol.config)
        return None, shown
    refuse_unsupported(request)
    ticket = SearchTicket(plan, declared(request, "n") or 1, adapter)
    _fit_sampling(request, ticket, handler.default_sampling_params)
    _check_probes(request, ticket, selectors, handler.model_config.max_model_len)
    if plan.stream == "progress" and not request.stream:
        unheard = 'arrol.stream "progress" needs a streaming request: add "stream": true.'
        raise blamed(InvalidRequest(unheard, param="arrol.stream"), selectors)
    return ticket, shown


def asks_for_search(body: Mapping[str, Any], headers: Mapping[str, str], arrol: ArrolState) -> bool:
    """Whether a body does that nobody has validated. Raises ``InvalidRequest`` as ``select`` would."""
    model, xargs = body.get("model"), body.get("vllm_xargs")
    shown = model if isinstance(model, str) and model else arrol.served[0]
    known = xargs if isinstance(xargs, dict) else {}
    *_, plan = _resolved(shown, headers, body.get("arrol"), known, arrol)
    return plan is not None


def _resolved(
    shown: str, headers: Mapping[str, str], body: Any, xargs: Mapping[str, Any], arrol: ArrolState
) -> tuple[str, Selectors, SearchPlan | None]:
    """The model behind a name, who asks for a search, and what they ask for; None: nobody does."""
    alias = arrol.aliases.get(shown)
    model = alias[0] if alias else shown
    selectors = Selectors(
        headers=headers, body=body, xargs=xargs, alias=alias[1] if alias else None
    )
    return model, selectors, resolve(selectors, arrol.config_of(arrol.adapter(model)))


def _fit_sampling(request: Any, ticket: SearchTicket, defaults: Mapping[str, Any]) -> None:
    """Sample at ``zero_temperature`` where the request says 0, and refuse what no search can honour."""
    plan = ticket.plan
    asked, n = request.temperature, declared(request, "n")
    temperature = defaults.get("temperature", 1.0) if asked is None else asked
    if temperature == 0 and plan.zero_temperature is not None and plan.samples > 1:
        ticket.temperature = request.temperature = temperature = plan.zero_temperature
    top_k = defaults.get("top_k") if request.top_k is None else request.top_k
    check_sampling(
        plan,
        n=1 if n is None else n,
        temperature=temperature,
        top_k=top_k,
        model=request.model or "of the server",
    )


def _check_probes(
    request: Any, ticket: SearchTicket, selectors: Selectors, max_model_len: int
) -> None:
    """Probes that no candidate can reach: refused if the request names them, else noted in the reply."""
    prune = ticket.plan.prune
    if prune is None or prune.policy["name"] == "never":
        return
    fields = ("max_completion_tokens", "max_tokens", "max_output_tokens")
    given = vars(request)  # one of them is deprecated, and warns when it is read
    asked = next((n for name in fields if (n := given.get(name)) is not None), None)
    longest = min(max_model_len, max_model_len if asked is None else asked)
    beyond = [probe for probe in prune.probes if probe >= longest]
    if not beyond:
        return
    said = f"a candidate has at most {longest} tokens, so that none is judged at {clip(beyond[0])}"
    at = named(selectors, ("prune", "probes"))
    if at is not None:
        raise InvalidRequest(f"{at}: {said}. Name smaller probes, or allow more tokens.", param=at)
    if len(beyond) == len(prune.probes):
        ticket.notes.append(f"Nothing was pruned: {said}.")


def _foreign(xargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Xargs for others. A client's own ``arrol`` would reach the engine as a candidate's plan."""
    if "arrol" in xargs:
        raise InvalidRequest(
            "vllm_xargs.arrol is reserved: use flat keys such as vllm_xargs.arrol_samples.",
            param="vllm_xargs.arrol",
        )
    return {key: value for key, value in xargs.items() if not key.lower().startswith(XARG)} or None
