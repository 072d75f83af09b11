"""Everywhere that a request can ask for a search, merged key by key.

Weakest first: server default, model alias, flat ``vllm_xargs.arrol_*``, body object ``arrol``,
``X-Arrol-*`` headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan.options import (
    ArrolOptions,
    clip,
    flat_places,
    nearest,
    parse_options,
)

HEADER = "x-arrol-"
XARG = "arrol_"
STOPS = ("confidence", "agreement")
_OFF: dict[str, Any] = {"samples": 1}
_INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Selectors:
    """Strongest first."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """The body's ``arrol``: an object, or false for a plain request, or true for the defaults."""
    xargs: Mapping[str, Any] = field(default_factory=dict)
    alias: Mapping[str, Any] | None = None


def merged_options(
    selectors: Selectors,
    default: Mapping[str, Any] | None = None,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
) -> ArrolOptions | None:
    """The options in force; None: a plain request.

    A layer that says no more than ``false`` or ``{"samples": 1}`` switches off what is below it. One
    that names a preset puts it in place of what is below, and its own other keys on top.
    """
    layers = (
        default,
        selectors.alias,
        from_flat(selectors.xargs, XARG, "vllm_xargs.arrol_"),
        _body(selectors.body),
        from_flat(selectors.headers, HEADER, "X-Arrol-"),
    )
    merged: dict[str, Any] | None = None
    for layer in layers:
        if layer is not None:
            merged = None if _one_sample(layer) else _layered(merged or {}, layer, presets or {})
    return None if merged is None else parse_options(_without_nulls(merged))


def _layered(
    below: Mapping[str, Any], layer: Mapping[str, Any], presets: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    name = layer.get("preset")
    if name is None:
        return _merge(below, layer)
    preset = presets.get(name) if isinstance(name, str) else None
    if preset is None:
        known = ", ".join(presets) or "none on this server"
        hint = nearest(name, presets) if isinstance(name, str) else ""
        raise InvalidRequest(
            f"There is no preset {clip(name) or 'without a name'}.{hint} Known: {known}.",
            param="arrol.preset",
        )
    own = {key: value for key, value in layer.items() if key != "preset"}
    return _merge(preset, own) | {"preset": name}


def _one_sample(layer: Mapping[str, Any]) -> bool:
    """Whether the layer is ``{"samples": 1}`` in either spelling. True is not 1."""
    said = {key: value for key, value in layer.items() if value is not None}
    ones = all(type(value) is int and value == 1 for value in said.values())
    return bool(said) and ones and set(said) <= {"samples", "budget"}


def _body(body: Any) -> Mapping[str, Any] | None:
    if body is None or isinstance(body, Mapping):
        return body
    if isinstance(body, bool):
        return {} if body else _OFF
    raise InvalidRequest(
        f'arrol must be an object such as {{"samples": 16}}, or false, got {clip(body)}.',
        param="arrol",
    )


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` wins key by key; its null puts a key back to its default."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if key == "prune" and isinstance(value, Mapping):
            merged[key] = _merge_prune(old if isinstance(old, Mapping) else {}, value)
        elif key == "early_stop" and isinstance(value, Mapping):
            merged[key] = _merge_stop(old if isinstance(old, Mapping) else {}, value)
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = {**old, **value}
        else:
            merged[key] = value
    for name, other in (("samples", "budget"), ("budget", "samples")):
        if above.get(name) is not None and other not in above:
            merged.pop(other, None)
    return merged


def _merge_stop(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A layer that names one way to stop takes the place of the other one below."""
    given = {key for key in STOPS if above.get(key) is not None}
    kept = below if not given else {k: v for k, v in below.items() if k not in STOPS or k in given}
    return {**kept, **above}


def _merge_prune(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A layer that names another survival policy drops the parameters of the one below."""
    policy = above.get("policy")
    if policy is None and above.get("threshold") is not None:
        policy = "threshold"
    if policy is None or policy == below.get("policy"):
        return {**below, **above}
    kept = {key: value for key, value in below.items() if key not in ("keep", "threshold")}
    return {**kept, **above, "policy": policy}


def _without_nulls(options: Mapping[str, Any]) -> dict[str, Any]:
    """JSON null says "the default" for every key."""
    return {
        key: {k: v for k, v in value.items() if v is not None}
        if isinstance(value, Mapping)
        else value
        for key, value in options.items()
        if value is not None
    }


@cache
def _places() -> dict[str, tuple[str, ...]]:
    return flat_places()


def from_flat(values: Mapping[str, Any], prefix: str, shown: str) -> dict[str, Any] | None:
    """``X-Arrol-*`` headers or ``arrol_*`` xargs as an ``arrol`` object; None: there are none."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if not name.lower().startswith(prefix):
            continue
        key = name.lower()[len(prefix) :].replace("-", "_")
        place = _places().get(key)
        if place is None:
            raise InvalidRequest(
                f"Unknown selector {shown}{clip(key)}.{nearest(key, _places())} "
                f"Known: {', '.join(_places())}.",
                param=f"{shown}{key}",
            )
        inner = found if len(place) == 1 else found.setdefault(place[0], {})
        inner[place[-1]] = _from_text(value, place[-1]) if isinstance(value, str) else value
    return found or None


def named(selectors: Selectors, place: tuple[str, ...]) -> str | None:
    """Where the request itself sets the key at ``place`` of the ``arrol`` object; None: it does not.

    Such as ``X-Arrol-Keep``, ``vllm_xargs.arrol_keep`` or ``arrol.prune.keep``, the strongest.
    """
    for values, prefix, said in (
        (selectors.headers, HEADER, "X-Arrol-"),
        (selectors.xargs, XARG, "vllm_xargs.arrol_"),
    ):
        for name in values:
            key = name.lower().removeprefix(prefix).replace("-", "_")
            if name.lower().startswith(prefix) and _places().get(key) == place:
                return f"{said}{key}" if prefix == XARG else said + key.title().replace("_", "-")
    body = selectors.body
    for key in place:
        body = body.get(key) if isinstance(body, Mapping) else None
    return None if body is None else ".".join(("arrol", *place))


def blamed(error: InvalidRequest, selectors: Selectors) -> InvalidRequest:
    """The error in the words of the header or xarg that the value came in."""
    place = tuple((error.param or "").split(".")[1:])
    while place and place not in _places().values():  # down to the key, from an entry of its list
        place = place[:-1]
    at = named(selectors, place) if place else None
    dotted = ".".join(("arrol", *place))
    if at is None or at == dotted:
        return error
    return InvalidRequest(error.message.replace(dotted, at), param=at)


def _from_text(value: str, key: str) -> Any:
    """What a flat text value means; text that is no number stays text, for validation to refuse."""
    if key == "probes":
        return [_from_text(part.strip(), "") for part in value.split(",")]
    if key in ("regex", "json_pointer"):
        return value
    number = value.strip()  # of more characters than int() takes for spaces
    if _INTEGER.fullmatch(number):
        return int(number)
    try:
        return float(number)
    except ValueError:
        return value
