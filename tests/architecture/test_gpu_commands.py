"""The commands of docs/gpu.md are ones that the programs take."""

from __future__ import annotations

import shlex

import pytest

from tests.paths import ROOT
from trainer import cli as trainer_cli
from trainer.config import load_config
from trainer.evaluation import cli as evaluation_cli
from trainer.evaluation.tuning import options as tuning

TEXT = (ROOT / "docs" / "gpu.md").read_text()
COMMANDS = [line for line in TEXT.splitlines() if line.startswith("arrol-")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_its_program_takes(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    program, *words = shlex.split(command)
    if program == "arrol-eval":
        if words[0] == "tune":
            tuning.parser().parse_args(words[1:])
        else:
            evaluation_cli.parser().parse_args(words)
        return
    args, rest = trainer_cli.build_parser().parse_known_args(words)
    if args.command == "policy":
        overrides = [word.removeprefix("--") for word in rest]
        assert load_config(args.recipe, overrides).prune.probes == (512,)
    else:
        assert rest == []


def test_there_are_commands() -> None:
    assert len(COMMANDS) == 5
