"""The GPU scripts print what they would run, and refuse what the programs would refuse."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.plan import MODELS, MODES, RECIPE, SEEDS, check, plan
from trainer.config import load_config
from trainer.errors import ConfigError

WORDS = ["--folder", "checkpoint", "--data-dir", "data", "--out", "runs/gpu"]


@pytest.mark.parametrize("name", MODELS)
def test_a_dry_run_prints_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, *WORDS, "--dry-run"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("python -m")]
    assert len(lines) == 3 + len(MODES) * len(SEEDS)
    assert all("checkpoint" in line for line in lines)
    assert f"--out runs/gpu/{name}/head" in lines[0]


def test_without_checkpoint_or_data_it_says_what_is_missing() -> None:
    with pytest.raises(SystemExit, match=r"config\.json.*Qwen/Qwen3-1\.7B"):
        main(["qwen3-1.7b", *WORDS])


def test_a_wrong_setting_is_refused_before_anything_runs() -> None:
    *_, last = plan("qwen3-1.7b", Path("m"), Path("d"), Path("o"), 10)
    check(last)
    with pytest.raises(ConfigError, match="keep"):
        check(replace(last, words=(*last.words, "--prune.keep=2")))
    head = plan("qwen3-1.7b", Path("m"), Path("d"), Path("o"), 10)[0]
    with pytest.raises(SystemExit):
        check(replace(head, words=(*head.words, "--no-such-option")))


def test_the_recipe_has_the_papers_settings() -> None:
    prune = load_config(RECIPE).prune
    assert (prune.keep, prune.rho, prune.lam, prune.p_min, prune.p_max) == (0.5, 0.5, 0.5, 0.1, 0.9)
    assert (prune.probes, prune.cold_start) == ((512,), 20)
