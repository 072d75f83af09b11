"""A few generations of ``ArrolGRPOTrainer`` on the bundled model, as a program; prints one JSON object."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "WANDB_DISABLED": "true"}

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig

from tests.paths import MODEL
from tests.trainer.integrations.trl_names import GROUP, PROMPTS, STEPS
from trainer.errors import ConfigError
from trainer.integrations import trl as ours
from trainer.prompts.sources import open_source
from trainer.sections import DataSection

PRUNE = {"mode": "arrol", "keep": 0.5, "probes": [12], "cold_start": 1, "p_min": 0.2}
HEAD = {"bins": 4, "rows": 32}


def settings(out: Path, **changes: Any) -> GRPOConfig:
    given: dict[str, Any] = {
        "output_dir": str(out),
        "max_steps": STEPS,
        "per_device_train_batch_size": PROMPTS * GROUP,
        "gradient_accumulation_steps": 1,
        "num_generations": GROUP,
        "max_completion_length": 64,
        "temperature": 1.8,
        "learning_rate": 1e-4,
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_max_model_length": 256,
        "vllm_importance_sampling_mode": "token_truncate",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "save_steps": 1,
        "report_to": "none",
        "logging_steps": 1,
        "seed": 3,
    }
    return GRPOConfig(**{**given, **changes})


class Watched(ours.ArrolGRPOTrainer):
    """Notes which rows pass through the model, and whether dropping rows changes the loss."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.passes: list[tuple[bool, int, int]] = []
        """(in scoring, rows, tokens a row) of each pass."""
        self.losses: list[tuple[float, float]] = []
        super().__init__(*args, **options)

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, *args: Any, **options: Any
    ) -> Any:
        if torch.is_grad_enabled() or self._alive is None or all(self._alive):
            self.passes.append((not torch.is_grad_enabled(), *input_ids.shape))
        else:
            self.passes.append((True, sum(self._alive), input_ids.shape[1]))
        return super()._get_per_token_logps_and_entropies(model, input_ids, *args, **options)

    def compare(self, whole: dict[str, Any], some: dict[str, Any]) -> None:
        noted, self.passes = self.passes, []
        with torch.no_grad():
            pair = [float(self._compute_loss(self.model, batch)) for batch in (whole, some)]
        self.losses.append((pair[0], pair[1]))
        self.passes = noted


def refusals(out: Path) -> dict[str, str]:
    """What is refused, and how it is said."""
    told = {}
    for name, changes in {
        "server": {"vllm_mode": "server"},
        "plain": {"use_vllm": False},
        "penalty": {"repetition_penalty": 1.1},
        "short": {"max_completion_length": 12},
    }.items():
        try:
            ours.ArrolGRPOTrainer(str(MODEL), print, settings(out, **changes), prune=PRUNE)
        except ConfigError as error:
            told[name] = str(error)
    for name, rest in {"tools": {"tools": [print]}, "prune": {}, "share": {}}.items():
        wrong: dict[str, Any] = {"prune": {"kep": 0.5}, "share": {"keep": 2}}.get(name, PRUNE)
        try:
            ours.ArrolGRPOTrainer(str(MODEL), print, settings(out), prune=wrong, **rest)
        except ConfigError as error:
            told[name] = str(error)
    return told


def main(out: Path) -> None:
    told: dict[str, Any] = {"refused": refusals(out)}
    source = open_source(DataSection(levels=(2,)), 0)
    prompts = [source.prompt(i) for i in range(PROMPTS * STEPS)]
    rows = [{"prompt": [{"role": "user", "content": p.question}], "gold": p.gold} for p in prompts]
    graded: list[int] = []

    def reward(completions: list[Any], gold: list[str], log_extra: Any, **_: Any) -> list[float]:
        graded.append(len(completions))
        log_extra("gold", gold)
        return [float(g in c[0]["content"]) for c, g in zip(completions, gold, strict=True)]

    trainer = Watched(
        AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32"),
        reward,
        settings(out, log_completions=True),
        Dataset.from_list(rows),
        prune=PRUNE,
        head=HEAD,
        processing_class=AutoTokenizer.from_pretrained(MODEL),
    )
    real = ours.survivors

    def noted(output: Any, alive: Any, parts: int) -> Any:
        found = real(output, alive, parts)
        trainer.compare(output, found)
        return found

    ours.survivors = noted  # type: ignore[attr-defined]
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    told["graded"], told["passes"], told["losses"] = graded, trainer.passes, trainer.losses
    told["moved"] = any(
        not torch.equal(before[name], value) for name, value in trainer.model.named_parameters()
    )
    told["log"] = [row for row in trainer.state.log_history if "arrol/kept" in row]
    told["rounds"] = trainer.pruner.rounds
    saved = torch.load(out / f"checkpoint-{STEPS}" / ours.STATE, weights_only=True)
    trainer.pruner.rounds = 0
    trainer._load_optimizer_and_scheduler(str(out / f"checkpoint-{STEPS}"))
    told["resumed"] = [saved["rounds"], trainer.pruner.rounds]
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
