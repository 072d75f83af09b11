"""Recipes, overrides and refusals."""

from __future__ import annotations

import json
import re
import shutil
from inspect import isclass
from pathlib import Path

import pytest

from tests.paths import MODEL, ROOT
from trainer.cli import main
from trainer.config import TrainConfig, dump_config, load_config
from trainer.errors import ConfigError
from trainer.sections import Section

RECIPES = sorted((ROOT / "trainer" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_load(recipe: Path) -> None:
    assert load_config(recipe).rollout.samples >= 2


def test_the_help_lists_every_setting_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    """As it can be given back."""
    with pytest.raises(SystemExit) as caught:
        main(["policy", "--help"])
    assert caught.value.code == 0
    shown = dict(re.findall(r"^  --([\w.]+) .*\(default: (.*)\)$", capsys.readouterr().out, re.M))
    names = {f"{part}.{name}" for part, inside in sections() for name in inside.model_fields}
    assert shown.keys() == names | {"engine"}
    given = [f"{name}={text}" for name, text in shown.items() if text != "none"]
    assert load_config(None, given) == TrainConfig()


def test_every_setting_says_what_it_is() -> None:
    silent = [
        f"{part}.{name}"
        for part, inside in sections()
        for name, field in inside.model_fields.items()
        if not field.description
    ]
    assert silent == []


def sections() -> list[tuple[str, type[Section]]]:
    found = [(name, field.annotation) for name, field in TrainConfig.model_fields.items()]
    return [(name, kind) for name, kind in found if isclass(kind) and issubclass(kind, Section)]


def test_overrides_stand_over_the_recipe() -> None:
    config = load_config(
        RECIPES[0], ["rollout.prompts=3", "prune.probes=[8, 16]", "run.out=some/where"]
    )
    assert config.rollout.prompts == 3
    assert config.prune.probes == (8, 16)
    assert config.run.out == "some/where"


def test_the_dump_is_a_recipe_of_the_same_run(tmp_path: Path) -> None:
    config = load_config(None, ["optim.lr=3e-7", 'run.out="ü \\"quoted\\""', "data.levels=[5, 6]"])
    (tmp_path / "dump.toml").write_text(dump_config(config))
    assert load_config(tmp_path / "dump.toml") == config
    assert config != TrainConfig()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("rollout.prompt=3", "did you mean rollout.prompts"),
        ("rolout.prompts=3", "did you mean rollout"),
        ("optim.learning_rate=3", r"did you mean optim\.lr\?"),
        ("num_generations=8", r"did you mean rollout\.samples\?"),
        ("actor_rollout_ref.rollout.n=8", "Unknown key actor_rollout_ref"),
        ("rollout.n=8", r"did you mean rollout\.samples\?"),
        ("rollout.top_p=0.9", "biases"),
        ("rollout.top_k=20", "biases"),
        ("rollout.samples=1", "rollout.samples"),
        ("rollout=3", "must be a table"),
        ("prune.mode=aroll", "prune.mode"),
        ("prune.probes=[32, 16]", "rising order"),
        ("optim.lr=nan", "optim.lr"),
        ("prune.probes=512", "prune.probes is not below"),
        ("rollout.max_tokens=2048", "^recipe: rollout.max_model_len must leave room for a prompt"),
        ("prune.min_survivors=17", "nothing would be pruned"),
        ("eval.questions=10", r"eval: every is not set"),
        ("eval.source=a.jsonl", r"did you mean eval\.sources\?"),
    ],
)
def test_wrong_keys_are_refused_by_name(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(None, [override])


def test_stop_strings_of_other_processes_are_refused_where_a_head_learns() -> None:
    there = ['chat.stop=["Q:"]', 'rollout.replicas=["http://127.0.0.1:1"]']
    with pytest.raises(ConfigError, match="has gone on when a stop string is found"):
        load_config(None, there)
    assert load_config(None, [*there, "prune.mode=none"]).chat.stop == ("Q:",)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["eval.sources=[]"], "sources is empty"),
        (["eval.sources=[a.jsonl]", 'eval.sources=["a.jsonl", "a.jsonl"]'], "named twice"),
        (["eval.samples=4", "eval.temperature=0"], "the same at temperature 0"),
        (
            ["eval.keep_best=pass@4"],
            r"keep_best must be one of pass@1$|keep_best must be one of pass@1\.",
        ),
        (["eval.samples=4", "eval.keep_best=maj@8"], "pass@1, pass@4, maj@4, weighted@4"),
        (["eval.keep_best=", "eval.patience=2"], "which is empty"),
        (["eval.samples=4", "eval.keep_best=weighted@4", "prune.mode=none"], r"head\.train"),
    ],
)
def test_what_an_evaluation_cannot_do_is_refused(changes: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(None, ["eval.every=1", *changes])


def test_evaluation_is_switched_off_over_any_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[eval]\nevery = 5\nsamples = 4\nkeep_best = "maj@4"\npatience = 2\n')
    assert load_config(recipe, ["eval.every=0"]).eval.every == 0


def test_one_is_a_list_of_one() -> None:
    config = load_config(None, ["prune.probes=16", "data.levels=5", "chat.stop=Q:"])
    assert (config.prune.probes, config.data.levels, config.chat.stop) == ((16,), (5,), ("Q:",))
    with pytest.raises(ConfigError, match=r"data\.levels"):
        load_config(None, ["data.levels=five"])


def test_a_dry_run_prints_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["policy", str(RECIPES[0]), "--dry-run", "--run.steps=7"])
    assert stopped.value.code == 0
    told = capsys.readouterr()
    assert "steps = 7\n" in told.out
    for line in ("model: Qwen3ForCausalLM", "free; fits", "of at most 384 tokens"):
        assert line in told.err, line
    assert "  | " in told.err
    assert "worth 1" in told.err
    assert "evaluation: held_out (100 questions), 1 reply each" in told.err


def dry_run(*words: str) -> str:
    """What it ends with."""
    with pytest.raises(SystemExit) as stopped:
        main(["policy", "--dry-run", *words])
    return str(stopped.value.code)


def test_a_dry_run_finds_what_is_wrong(tmp_path: Path) -> None:
    assert "no such file" in dry_run("--data.source", str(tmp_path / "none.jsonl")).lower()
    assert "reward.function: there is no reward 'mth'" in dry_run("--reward.function=mth")
    assert "run.model" in dry_run("--run.model", str(tmp_path))
    rubric = "--reward.function=tests.trainer.rewards.rewards_for_tests:needs_more"
    assert "needs_more takes rubric, which is no column of the data" in dry_run(rubric)
    rows, plain = tmp_path / "rows.jsonl", tmp_path / "plain.jsonl"
    rows.write_text('{"question": "1+1", "answer": "2", "rubric": "x"}\n')
    plain.write_text('{"question": "1+1", "answer": "2"}\n')
    evaluated = ("--eval.every=1", f'--eval.sources=["{plain}"]')
    told = dry_run(rubric, "--data.source", str(rows), *evaluated)
    assert "no column of eval.sources, plain" in told
    bare = tmp_path / "bare"
    shutil.copytree(MODEL, bare)
    config = json.loads((bare / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    assert "lacks lm_head.weight" in dry_run("--run.model", str(bare))
    assert "has 1024 positions" in dry_run("--rollout.max_model_len=4096")


def test_no_recipe_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sums.jsonl"
    file.write_text(json.dumps({"question": "What is 1+2?", "answer": "3"}))
    assert dry_run("--run.model", str(MODEL), "--data.source", str(file)) == "0"
    told = capsys.readouterr()
    assert f'source = "{file}"' in told.out
    assert "1 row;" in told.err


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ([], (1024, 512, (128,))),
        (["rollout.max_tokens=128"], (1024, 128, (32,))),
        (["rollout.max_model_len=256"], (256, 128, (32,))),
        (["run.model=no/where"], (2048, 1024, (256,))),
        (["run.model=no/where", "rollout.max_tokens=4096"], (5120, 4096, (1024,))),
        (["rollout.max_tokens=128", "prune.probes=[8, 16]"], (1024, 128, (8, 16))),
    ],
)
def test_what_is_left_out_follows_from_the_rest(
    changes: list[str], tokens: tuple[int, int, tuple[int, ...]]
) -> None:
    """The bundled model has 1024 positions."""
    config = load_config(None, changes)
    found = config.rollout.max_model_len, config.rollout.max_tokens, config.prune.probes
    assert found == tokens


@pytest.mark.parametrize("word", ["--resum=auto", "steps=3", "--steps=3"])
def test_what_is_no_override_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["policy", str(RECIPES[0]), "--dry-run", word])
    assert stopped.value.code == 2
    assert "--section.key=value" in capsys.readouterr().err
