"""The configuration file, aliases, presets and defaults, as they are checked at start."""

from __future__ import annotations

from pathlib import Path

import pytest

from arrol_serve.config import ServerConfig, load_config
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan import Selectors, check_defaults, resolve
from tests.unit.sampling_plan.plans import HEADED, PLAIN


def test_every_model_has_presets() -> None:
    small = HEADED.model_copy(update={"max_samples": 3, "aliases": {}})
    by_confidence = HEADED.model_copy(update={"scorer": "confidence"})
    for config in (HEADED, PLAIN, small, by_confidence):
        check_defaults(config)
    assert PLAIN.model_copy(update={"max_samples": 1}).presets_in_force() == {}
    for config in (HEADED, PLAIN):
        aliases = config.aliases_of("m")
        assert {"m-fast", "m-balanced", "m-best"} <= aliases.keys()
        for body in aliases.values():
            assert resolve(Selectors(alias=body), config) is not None


def test_aliases_are_named_after_the_served_model() -> None:
    aliases = PLAIN.aliases_of("qwen3-8b")
    assert aliases["qwen3-8b-vote16"]["samples"] == 16
    assert aliases["qwen3-8b-prune16"]["prune"] == {"keep": 0.5}
    check_defaults(PLAIN)
    check_defaults(HEADED)


def test_a_broken_alias_or_default_is_refused_at_start() -> None:
    with pytest.raises(InvalidRequest, match=r"bad: arrol\.samples"):
        check_defaults(ServerConfig(aliases={"bad": {"samples": 0}}))
    with pytest.raises(InvalidRequest, match="the server default: Unknown key"):
        check_defaults(ServerConfig(default={"sampels": 2}))


def test_config_file(tmp_path: Path) -> None:
    file = tmp_path / "arrol.toml"
    file.write_text("max_samples = 8\n[default]\nsamples = 4\n[aliases]\nfast = {samples = 2}\n")
    config = load_config(file, keep_alive_s=3.0, scorer=None)
    assert (config.max_samples, config.keep_alive_s, config.scorer) == (8, 3.0, None)
    assert config.default == {"samples": 4}
    assert config.aliases == {"fast": {"samples": 2}}


@pytest.mark.parametrize(
    ("text", "says"),
    [("max_sampels = 8", "Known keys"), ("max_samples = ", "not valid TOML")],
)
def test_a_bad_config_file(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "arrol.toml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=says):
        load_config(file)
    with pytest.raises(InvalidRequest, match="Cannot read"):
        load_config(tmp_path / "missing.toml")
