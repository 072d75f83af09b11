"""Whatever is sent is planned or refused by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import Selectors, resolve
from arrol_serve.sampling_plan.options import flat_places
from tests.unit.sampling_plan.plans import HEADED, PLAIN

KEYS = [*flat_places(), "prune", "early_stop", "answer", "belief"]
WORDS = ["top_fraction", "never", "random", "threshold", "quality", "head", "regex", "json", "tool"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), VALUES, max_size=6)


@settings(max_examples=400, deadline=None)
@given(body=OBJECTS, alias=OBJECTS | st.none(), headed=st.booleans())
def test_any_object_resolves_or_is_refused(
    body: dict[str, Any], alias: dict[str, Any] | None, headed: bool
) -> None:
    try:
        plan = resolve(Selectors(body=body, alias=alias), HEADED if headed else PLAIN)
    except InvalidRequest as error:
        refused = error.param
    else:
        refused = "arrol"
        assert plan is None or 1 <= plan.waves.first <= plan.samples <= 256
    assert refused is not None
    assert refused.startswith("arrol")


@settings(max_examples=200, deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from([f"arrol_{key}" for key in KEYS]), LEAVES | st.lists(LEAVES), max_size=4
    )
)
def test_any_flat_value_resolves_or_is_refused(values: dict[str, Any]) -> None:
    texts = {k.replace("arrol_", "X-Arrol-"): str(v) for k, v in values.items()}
    for selectors in (Selectors(xargs=values), Selectors(headers=texts)):
        with suppress(InvalidRequest):
            resolve(selectors, HEADED)
