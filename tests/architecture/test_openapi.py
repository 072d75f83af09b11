"""The committed description of the API is the one the app gives."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from arrol_serve.api.document.examples import CHAT, COMPLETION, MESSAGES, RESPONSES
from arrol_serve.cli import main
from arrol_serve.config import ServerConfig
from arrol_serve.sampling_plan import Selectors, resolve
from tests.paths import ROOT

COMMITTED = ROOT / "openapi.yaml"
VLLM = re.compile(r"^  x-vllm: .*$", re.MULTILINE)


@cache
def document() -> Any:
    """By libyaml where it is there: thousands of lines take Python's own loader seconds."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(COMMITTED.read_text(), loader)  # noqa: S506  # both are safe ones


def test_openapi_yaml_is_what_the_app_serves(capsys: pytest.CaptureFixture[str]) -> None:
    main(["openapi"])
    made = capsys.readouterr().out
    committed = COMMITTED.read_text()
    (ours,), (theirs,) = (VLLM.findall(text) for text in (made, committed))
    if ours != theirs:
        pytest.skip(f"openapi.yaml is of another vLLM:{theirs}")
    assert made == committed, "run make openapi"


def test_openapi_yaml_is_an_openapi_document() -> None:
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


@pytest.mark.parametrize(
    "example", [v for route in (CHAT, COMPLETION, MESSAGES, RESPONSES) for v in route.values()]
)
def test_examples_are_searches_that_a_server_takes(example: dict[str, dict[str, object]]) -> None:
    config = ServerConfig(head="heads/x", head_id="x", probes=(24,))
    options = example["value"].get("arrol")
    assert (resolve(Selectors(body=options), config) is None) == (options is None)


def test_every_refusal_of_our_routes_is_documented() -> None:
    paths = document()["paths"]
    for operation in (op for path in paths.values() for op in path.values()):
        assert "422" not in operation["responses"]
        assert ("401" in operation["responses"]) is (operation.get("security") != [{}])
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"):
        assert {"400", "413", "429", "503"} <= set(paths[path]["post"]["responses"])
