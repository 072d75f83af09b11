"""What follows from options that were left out, and from a seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import ConfigError
from trainer.evaluation.backends import engine_backend
from trainer.evaluation.cli import parser
from trainer.evaluation.options import EvalOptions, read_options
from trainer.evaluation.sampling import Settings, seed_of


def options(tmp_path: Path, *words: str) -> EvalOptions:
    given = ["--data", "arithmetic:6", "--out", str(tmp_path / "run"), *words]
    return read_options(vars(parser().parse_args(given)))


def model(folder: Path, **config: Any) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_replies_may_be_as_long_as_half_the_context(tmp_path: Path) -> None:
    assert options(tmp_path).max_tokens == 256  # the bundled model's
    small = model(tmp_path / "small", max_position_embeddings=2048)
    assert options(tmp_path, "--model", small).max_tokens == 1024
    large = model(tmp_path / "large", text_config={"max_position_embeddings": 131072})
    assert options(tmp_path, "--model", large).max_tokens == 4096
    assert options(tmp_path, "--model", large, "--max-tokens", "9000").max_tokens == 9000
    unknown = model(tmp_path / "unknown")
    assert options(tmp_path, "--model", unknown).max_tokens == 4096
    assert options(tmp_path, "--url", "http://127.0.0.1:9/v1").max_tokens == 4096


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--top-p", "0"], "--top-p 0.0: it must be above 0 and at most 1"),
        (["--top-k", "-1"], "--top-k -1: it must be a number from 0"),
        (["--samples", "1001"], "--samples 1001: at most 1000"),
    ],
)
def test_ranges(tmp_path: Path, words: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        options(tmp_path, *words)


def test_runs_of_different_seeds_share_no_sample() -> None:
    def seeds(seed: int) -> set[tuple[int, int]]:
        firsts = [seed_of(Settings(seed=seed), f"x/{i}") for i in range(500)]
        assert max(firsts) < 2**31
        return {(i, first + n) for i, first in enumerate(firsts) for n in range(64)}

    assert not seeds(0) & seeds(1)
    assert seed_of(Settings(seed=3), "x/1") == seed_of(Settings(seed=3, samples=4), "x/1")


def test_what_the_model_recommends_and_the_run_leaves_out_is_said(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    (tmp_path / "m" / "generation_config.json").write_text('{"top_k": 20, "top_p": 0.95}')
    (note,) = engine_backend(folder, None, None, [], Settings()).notes
    assert "recommends top_p 0.95, top_k 20" in note
    assert engine_backend(folder, None, None, [], Settings(top_k=20, top_p=0.95)).notes == ()
