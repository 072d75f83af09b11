"""Whatever our code imports or reads of vLLM is a seam, as far as one can tell without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from arrol_serve.engine.plugin.seams import CPU_WORKER, HTTP, OFFLINE, OPTIONS, SEAMS
from tests.paths import ROOT

ALL = (*SEAMS, *HTTP, CPU_WORKER, OFFLINE)
PATHS = {seam.path for seam in ALL}
MEMBERS = {name for seam in ALL for name in (*seam.has, *seam.calls)}
ADD = "add what is missing to engine/plugin/seams/"
FREE = {"vllm"}
"""The package itself, for its version."""


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax of every file of ours, by its path."""
    files = [file for top in ("arrol_serve", "trainer") for file in (ROOT / top).rglob("*.py")]
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files}


def imported(tree: ast.AST) -> Iterator[str]:
    """``module:name``, or the module, of whatever is imported from vLLM at any place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vllm":
            yield from (f"{node.module}:{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "vllm")


def test_nothing_is_imported_from_vllm_that_is_not_a_seam() -> None:
    found = {path: set(imported(tree)) for path, tree in trees().items()}
    assert len(set().union(*found.values())) > 60
    assert {path: new for path, names in found.items() if (new := names - PATHS - FREE)} == {}, ADD


def test_imports_are_found_wherever_they_stand() -> None:
    lazy = "def f():\n    from vllm.a import b as c\n    import vllm.d\n    import vllm_x\n"
    assert list(imported(ast.parse(lazy))) == ["vllm.a:b", "vllm.d"]


def test_every_variable_of_vllms_is_a_seam() -> None:
    """Named in code: what is in prose alone has a name that nobody reads."""
    texts = {
        node.value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    named = {text for text in texts if re.fullmatch(r"VLLM_[A-Z0-9_]+", text)}
    assert "VLLM_PLUGINS" in named
    assert named - {"VLLM_CPU_SIM_MULTI_NUMA"} <= MEMBERS, ADD  # vLLM's envs does not list it


def read_of(path: str, owners: set[str]) -> set[str]:
    """Attributes that a file reads, also by ``getattr``, from expressions that are written so."""
    found = set()
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in owners:
            found.add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            owner, name = node.args[:2]
            if ast.unparse(owner) in owners and isinstance(name, ast.Constant):
                found.add(str(name.value))
    return found


PLUGIN, API, ENGINE = "arrol_serve/engine/plugin", "arrol_serve/api", "arrol_serve/engine"
STATE = {"raw_request.app.state", "state", "app.state", "raw_request.state"}
CLIENT = {"client", "engine_client", "self._client", "self._inner", "inner"}
CONFIG = {
    *("config", "config.model_config", "config.parallel_config", "vllm_config", "cache"),
    *("vllm_config.parallel_config", "vllm_config.scheduler_config", "transfer"),
    *(f"{c}.vllm_config" for c in CLIENT),
    *(f"{c}.vllm_config.{part}_config" for c in CLIENT for part in ("parallel", "model")),
}
READ = (
    (f"{PLUGIN}/rows.py", {"runner", "state", "batch", "runner.input_batch"}),
    (f"{PLUGIN}/scheduler.py", {"request", "out", "batch", "RequestStatus", "FinishReason"}),
    (
        f"{PLUGIN}/worker.py",
        {"scheduler_output", "request", "self.vllm_config", "self.model_config"},
    ),
    (f"{PLUGIN}/tap.py", {"output"}),
    (f"{ENGINE}/candidates.py", {*CLIENT, "params", "self._call.params", "output", "last"}),
    (f"{ENGINE}/output.py", {"output", "completion", "completion.logprobs"}),
    (f"{ENGINE}/pictures.py", {*CLIENT, "client.renderer", "self._mirror", "self._mirror._cache"}),
    (f"{ENGINE}/probe.py", CLIENT | CONFIG),
    (f"{ENGINE}/watch.py", {*CLIENT, "processor", "output", "state"}),
    (f"{API}/plugin.py", {*CLIENT, "engine_client.vllm_config", "serving"}),
    (f"{API}/engine_client.py", CLIENT | CONFIG | {"call.params", "output", "choice", "told"}),
    (f"{API}/engine_client.py", {"self._inner.renderer", "RequestOutputKind"}),
    (f"{API}/admission.py", CONFIG),
    (f"{API}/refusals.py", {"request", "handler"}),
    (f"{API}/selection.py", {"request", "handler", "handler.model_config"}),
    (f"{API}/admin/app.py", CLIENT | CONFIG),
    (f"{API}/admin/rollouts.py", CLIENT | CONFIG | {"span", "o.outputs[0]"}),
    (f"{API}/admin/server.py", {"envs"}),
    (f"{API}/middleware/lifecycle.py", CLIENT | STATE),
    (f"{API}/reply/outputs.py", {"base", "whole", "winner"}),
    (f"{API}/routes/chat.py", STATE),
    (f"{API}/routes/completion.py", STATE),
    (
        f"{API}/routes/completion_endpoint.py",
        {"asked.raw_request.state", "asked.raw_request.state.request_metadata"},
    ),
    (f"{API}/routes/messages.py", {*STATE, "self.handler", "response", "response.error"}),
    (f"{API}/routes/models.py", {*STATE, "state.openai_serving_models"}),
    (f"{API}/routes/responses.py", {*STATE, "self.handler", "response", "response.usage"}),
    (
        f"{API}/routes/searching.py",
        {"endpoint.handler", "endpoint.handler.engine_client", "result", "result.error"},
    ),
    ("trainer/engines/local.py", {"self.llm"}),
    ("trainer/engines/sampling.py", {"engine"}),
    ("trainer/evaluation/tuning/live.py", {"self.client"}),
)
OURS = {
    *("arrol", "shown", "options", "output", "logprobs_mode"),
    *("model_dump", "model_extra", "model_fields_set"),
    "__struct_fields__",
}
"""What we put there ourselves, and what is pydantic's and msgspec's."""


@pytest.mark.parametrize(("path", "owners"), READ)
def test_nothing_is_read_of_vllms_objects_that_is_not_a_seam(path: str, owners: set[str]) -> None:
    read = read_of(path, owners)
    assert read, "these names are no longer there: change them here too"
    assert read - OURS <= MEMBERS, ADD


@pytest.mark.parametrize("route", ["chat", "completion"])
def test_methods_that_are_called_by_name_are_seams(route: str) -> None:
    calls = [n for n in ast.walk(trees()[f"{API}/routes/{route}.py"]) if isinstance(n, ast.Call)]
    (made,) = [call for call in calls if ast.unparse(call.func) == "CompletionEndpoint"]
    assert ast.literal_eval(made.args[1]) in MEMBERS, ADD


@pytest.mark.parametrize(
    "path",
    ["arrol_serve/cli.py", f"{ENGINE}/setup.py", "arrol_serve/model_folder.py", f"{API}/plugin.py"],
)
def test_every_option_that_is_read_is_looked_for(path: str) -> None:
    read = {name for name in read_of(path, {"args"}) if not name.startswith("arrol_")}
    assert read
    assert read <= set(OPTIONS), ADD


def test_every_route_of_vllms_that_a_trainer_asks_is_looked_for() -> None:
    asked = {
        text
        for path, tree in trees().items()
        if Path(path).parts[:2] == ("trainer", "engines")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(text := node.value, str)
        and re.fullmatch(r"/[a-z_]+", text)
    }
    assert "/pause" in asked
    assert asked <= {route for seam in HTTP for route in seam.routes}, ADD
