"""Whether a model has anything to search in, by what vLLM says that it can do."""

from __future__ import annotations

import pytest

from arrol_serve.engine.probe import check_generates
from arrol_serve.errors import UnsupportedEngine


@pytest.mark.parametrize(
    "tasks", [("embed", "token_embed"), ("classify", "token_classify"), ("transcription",), ()]
)
def test_a_model_that_generates_nothing_is_refused_with_what_it_can_do(
    tasks: tuple[str, ...],
) -> None:
    with pytest.raises(UnsupportedEngine) as refused:
        check_generates(tasks, "org/model")
    assert refused.value.message.startswith("org/model generates no text")
    assert ", ".join(sorted(tasks)) in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("tasks", [("generate",), ("render", "generate"), {"generate", "embed"}])
def test_a_model_that_also_generates_is_not(tasks: tuple[str, ...]) -> None:
    check_generates(tasks, "org/model")
