"""What the command line understands, without an engine."""

from __future__ import annotations

import json
import os
from argparse import SUPPRESS, ArgumentParser
from pathlib import Path

import pytest

from arrol_serve import __version__, bundled
from arrol_serve.answers.command import read_parser
from arrol_serve.cli import main, nearest_option, vllm_args
from arrol_serve.engine.setup import check_memory
from arrol_serve.errors import InvalidRequest
from arrol_serve.model_folder import tell_type
from arrol_serve.options import build_parser, heads_asked, server_config
from arrol_serve.planner.command import plan_parser


def test_our_options_are_taken_and_the_rest_is_vllms() -> None:
    line = ["org/model", "--head", "none", "--port", "9", "--scorer", "confidence", "--headless"]
    ours, rest = build_parser().parse_known_args(line)
    assert (ours.head, ours.scorer) == (["none"], "confidence")
    assert rest == ["org/model", "--port", "9", "--headless"]


def test_heads_of_the_model_and_of_its_adapters(tmp_path: Path) -> None:
    odd = tmp_path / "a=b"
    odd.mkdir()
    found = heads_asked(["none", "tuned=heads/t", f"other={odd}"])
    assert found == ("none", {"tuned": Path("heads/t"), "other": odd})
    assert heads_asked([str(odd)]) == (str(odd), {})
    assert heads_asked([]) == (None, {})
    with pytest.raises(InvalidRequest, match="names 2 heads"):
        heads_asked(["one", "two"])


def test_flags_stand_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "arrol.toml"
    file.write_text("keep_alive_s = 5.0\nmax_samples = 32\n[default]\nsamples = 2\n")
    line = [
        *("--arrol-config", str(file), "--keep-alive-s", "0"),
        *("--arrol-default", '{"samples": 3}', "--alias", 'fast={"samples": 4}'),
    ]
    config = server_config(build_parser().parse_args(line))
    assert (config.keep_alive_s, config.max_samples) == (0, 32)
    assert config.default == {"samples": 3}
    assert config.aliases["fast"] == {"samples": 4}
    assert "{model}-vote16" in config.aliases


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["--arrol-default", "{"], "not valid JSON"),
        (["--arrol-default", "[1]"], "must be a JSON object"),
        (["--alias", "fast"], "must be NAME=JSON"),
        (["--scorer", "prm"], "invalid choice"),
        (["--keep-alive-s", "-1"], "keep_alive_s"),
        (["--arrol-config", "/nowhere.toml"], "Cannot read /nowhere.toml"),
        (["./no-such-model"], "There is no model folder './no-such-model'"),
        (["no-such-model"], "There is no model folder"),
        (["--prot", "9"], "Did you mean --port?"),
        (["--haed", "none"], "Did you mean --head?"),
        (["--head", "/nowhere"], "There is no head in /nowhere"),
        (["--head", "tuned=/nowhere"], "no adapter is served as tuned"),
        (["--api-server-count", "2"], "--api-server-count must be 1"),
        (["--api-key", "secret", str(bundled.MODEL)], "is a model folder: put it first"),
        (["--headless"], "--headless starts no HTTP server"),
        (["--api-key-file", "/nowhere"], "--api-key-file: /nowhere cannot be read"),
        (["--api-key-file", "/dev/null"], "/dev/null holds no key"),
        (["--admin-port", "0"], "needs a key, and the one of ARROL_ADMIN_KEY is missing"),
        (["--admin-host", "::1"], "--admin-host does nothing without --admin-port"),
        (["--enable-auto-tool-choice"], "requires --tool-call-parser"),
    ],
)
def test_mistakes_end_with_status_2(
    line: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no config\.json"):
        vllm_args([str(tmp_path)])


def test_without_a_model_the_bundled_one_on_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    args = vllm_args(["--max-model-len", "256"])
    assert args.model == str(bundled.MODEL)
    assert args.served_model_name == [bundled.MODEL_NAME]
    assert (args.host, args.port, args.dtype) == ("127.0.0.1", 8000, "float32")
    assert args.max_model_len == 256
    assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "1"


@pytest.mark.parametrize("line", [["org/name", "--port", "9"], ["--model", "org/name"]])
def test_with_a_model_vllms_own_defaults(line: list[str]) -> None:
    args = vllm_args(line)
    assert args.model == "org/name"
    assert args.served_model_name is None
    assert args.host is None


def test_the_plugin_joins_those_that_vllm_would_have_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from arrol_serve.cli import _allow_plugin

    monkeypatch.setenv("VLLM_PLUGINS", "mine")
    _allow_plugin()
    assert os.environ["VLLM_PLUGINS"] == "arrol,mine"
    monkeypatch.delenv("VLLM_PLUGINS")
    _allow_plugin()
    assert "arrol" in os.environ["VLLM_PLUGINS"].split(",")
    assert "lora_filesystem_resolver" in os.environ["VLLM_PLUGINS"].split(",")


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for flag, says in (("--help", "--help=all"), ("--version", f"arrol-serve {__version__}")):
        with pytest.raises(SystemExit) as caught:
            main([flag])
        assert caught.value.code == 0
        assert says in capsys.readouterr().out


@pytest.mark.parametrize("parser", [plan_parser(), read_parser()])
def test_every_default_is_in_the_help(parser: ArgumentParser) -> None:
    unsaid = (None, False, [], SUPPRESS)
    defaults = {action.dest: action for action in parser._actions if action.default not in unsaid}
    assert defaults
    for name, action in defaults.items():
        shown = f"{action.default:g}" if isinstance(action.default, float) else action.default
        assert f"default {shown}" in (action.help or ""), name


def test_hints() -> None:
    assert nearest_option("unrecognized arguments: --prot 1", ["--port"]) == " Did you mean --port?"
    assert nearest_option("unrecognized arguments: --zzzzzz", ["--port"]) == ""


def saved(folder: Path, **config: object) -> str:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3", **config}))
    return str(folder)


def test_a_local_model_is_called_by_its_folder(tmp_path: Path) -> None:
    folder = saved(tmp_path / "runs" / "model")
    assert vllm_args([folder]).served_model_name == ["model"]
    assert vllm_args([folder, "--served-model-name", "other"]).served_model_name == ["other"]


@pytest.mark.parametrize(
    ("stored", "options", "said"),
    [("float32", [], True), ("float32", ["--dtype", "float32"], False), ("bfloat16", [], False)],
)
def test_a_float32_model_that_is_served_in_16_bits_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stored: str, options: list[str], said: bool
) -> None:
    tell_type(vllm_args([saved(tmp_path / "model", dtype=stored), *options]))
    assert ("--dtype float32 serves it as it is" in capsys.readouterr().err) == said


def test_memory_that_is_not_free_is_named_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it never is."""
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    args = vllm_args(["org/name", "--enforce-eager", "--gpu-memory-utilization", "1.0"])
    with pytest.raises(InvalidRequest, match=r"wants 100% of the memory.*VLLM_CPU_KVCACHE_SPACE=4"):
        check_memory(args)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    check_memory(args)
