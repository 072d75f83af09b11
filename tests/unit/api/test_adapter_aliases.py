"""What searches of LoRA adapters are: whose head, which aliases."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from arrol_serve.api.selection import build_state, select
from arrol_serve.belief import Belief
from arrol_serve.config import AdapterHead, ServerConfig
from arrol_serve.errors import InvalidRequest
from tests.unit.api.searches import HEADED

OWN = AdapterHead(head="heads/own", head_id="own-v1", probes=(7,), belief=Belief())
ALIASES: dict[str, Any] = {
    "{model}-prune": {"prune": {}},
    "{model}-sure": {"prune": {"threshold": 0.3}},
}
CONFIG = HEADED.model_copy(update={"adapter_heads": {"own": OWN}, "aliases": ALIASES})
HANDLER = SimpleNamespace(
    default_sampling_params={}, model_config=SimpleNamespace(max_model_len=512)
)


def ask(model: str, arrol: Any = None) -> SimpleNamespace:
    return SimpleNamespace(
        model=model,
        arrol=arrol,
        vllm_xargs=None,
        temperature=1,
        top_k=0,
        stream=False,
        model_extra={},
    )


def test_aliases_of_adapters_are_those_that_their_heads_can_do() -> None:
    state = build_state(CONFIG, ("base",), ("own", "bare"))
    ours = tuple(name.removeprefix("{model}") for name in ALIASES)
    assert {name: of for name, (of, _) in state.aliases.items() if name.endswith(ours)} == {
        "base-prune": "base",
        "base-sure": "base",
        "own-prune": "own",
        "own-sure": "own",
        "bare-prune": "bare",
    }
    assert {"base-fast", "own-fast", "bare-fast"} <= set(state.aliases)  # presets are aliases too


@pytest.mark.parametrize(
    ("model", "adapter", "scorer", "probes", "head_id"),
    [
        ("base-prune", None, "head", (24,), "x-v1"),
        ("own-prune", "own", "head", (7,), "own-v1"),
        ("bare-prune", "bare", "confidence", (24,), None),
    ],
)
def test_an_adapter_is_searched_with_its_own_head_or_by_confidence(
    model: str, adapter: str | None, scorer: str, probes: tuple[int, ...], head_id: str | None
) -> None:
    state = build_state(CONFIG, ("base",), ("own", "bare"))
    ticket, shown = select(ask(model), {}, state, HANDLER)
    assert ticket is not None
    assert (shown, ticket.adapter, ticket.plan.scorer) == (model, adapter, scorer)
    assert ticket.plan.prune is not None
    assert ticket.plan.prune.probes == probes
    assert state.config_of(adapter).head_id == head_id


@pytest.mark.parametrize("model", ["bare", "came-while-we-served"])
def test_the_base_models_head_is_refused_for_an_adapter(model: str) -> None:
    state = build_state(CONFIG, ("base",), ("own", "bare"))
    with pytest.raises(InvalidRequest, match="--head NAME=FOLDER"):
        select(ask(model, {"scorer": "head"}), {}, state, HANDLER)


def test_a_server_without_any_head_searches_adapters_by_confidence() -> None:
    state = build_state(ServerConfig(), ("base",), ("bare",))
    ticket, _ = select(ask("bare", {"samples": 4}), {}, state, HANDLER)
    assert ticket is not None
    assert ticket.plan.scorer == "confidence"
