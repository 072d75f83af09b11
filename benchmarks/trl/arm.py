"""TRL's GRPOTrainer on the questions of ``benchmarks.training``, as a program of its own.

``python -m benchmarks.trl.arm PACKAGE OUT SEED STEPS plain|tuned|pruned``; tuned: one generation for as many
optimizer steps as in our ``fast``; pruned: with our ``ArrolGRPOTrainer``, as the recipe says. TRL 1.16 hands
its weights to the colocated engine one by one; on a CPU vLLM has packed float32 weights by then and fails,
so here they go through vLLM's own reload, which is what our trainer uses. The rest is TRL's.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

from benchmarks.training.arms import COMMON, RECIPE, TUNED
from trainer.config import TrainConfig, load_config
from trainer.prompts.prompt import Prompt
from trainer.prompts.sources import open_source
from trainer.stopwatch import Stopwatch

PER_STEP = int(COMMON["optim.minibatches"])
"""Optimizer steps per batch of rollouts."""


def main(package: str, out: Path, seed: int, steps: int, how: str) -> None:
    os.environ |= {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "WANDB_DISABLED": "true"}
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    sys.path.append(package)
    changes = {
        **COMMON,
        "run.seed": seed,
        "run.steps": steps,
        "prune.mode": "arrol" if how == "pruned" else "none",
        "rollout.batches": TUNED["rollout.batches"] if how == "tuned" else 1,
    }
    config = load_config(RECIPE, [f"{key}={json.dumps(value)}" for key, value in changes.items()])
    out.mkdir(parents=True, exist_ok=True)
    _train(config, out)


def _train(config: TrainConfig, out: Path) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOTrainer

    from arrol_serve.answers.pool import AnswerPool
    from trainer.rewards.grader import Grader
    from trainer.run.folder import model_folder

    source = open_source(config.data, config.run.seed)
    count = config.run.steps * config.rollout.prompts
    prompts = {p.key: p for p in map(source.prompt, range(count))}
    pool = AnswerPool(config.reward.workers, config.reward.timeout_s)
    grader = Grader(pool, config.reward, config.data.source)
    times: list[dict[str, float]] = []
    watch = Watch()

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            watch.start()

        def on_step_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            if state.global_step % PER_STEP == 0:
                times.append(watch.now.row())
                watch.start()

    def reward(completions: list[Any], key: list[str], **_: Any) -> list[float]:
        grades = grader.grade(
            [(c[0]["content"], prompts[k]) for c, k in zip(completions, key, strict=True)]
        )
        return [grade.value or 0.0 for grade in grades]

    folder = str(model_folder(config))
    if config.prune.mode == "none":
        _reload_as_vllm_does()
        make: Any = GRPOTrainer
    else:
        from trainer.integrations.trl import ArrolGRPOTrainer

        make = partial(ArrolGRPOTrainer, prune=config.prune, head=config.head)
    trainer = make(
        model=AutoModelForCausalLM.from_pretrained(folder, dtype="float32"),
        processing_class=AutoTokenizer.from_pretrained(folder),
        reward_funcs=reward,
        args=_arguments(config, out),
        train_dataset=Dataset.from_list([_row(source.prompt(i)) for i in range(count)]),
        callbacks=[Clock()],
    )
    watch.watch(trainer)
    trainer.train()
    trainer.save_model(str(out / "model"))
    (out / "seconds.json").write_text(json.dumps(times))
    pool.close()


class Watch:
    """Seconds of TRL's phases, by wrapping what carries them out; the rest of a step is its update."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.now = Stopwatch()

    def watch(self, trainer: Any) -> None:
        generation = trainer.vllm_generation
        for owner, method, phase in (
            (trainer, "_generate", "generate"),
            (generation, "sync_weights", "sync"),
            (trainer, "_calculate_rewards", "reward"),
            (trainer, "_get_per_token_logps_and_entropies", "logprob"),
            (trainer, "_learn", "head"),
        ):
            if hasattr(owner, method):  # plain TRL has no head
                setattr(owner, method, self._timed(getattr(owner, method), phase))

    def _timed(self, method: Callable[..., Any], phase: str) -> Callable[..., Any]:
        import torch

        @wraps(method)
        def timed(*args: Any, **options: Any) -> Any:
            if phase == "logprob" and torch.is_grad_enabled():
                return method(*args, **options)  # that of the loss
            with self.now.phase(phase):
                return method(*args, **options)

        return timed


def _row(prompt: Prompt) -> dict[str, Any]:
    return {"prompt": [{"role": "user", "content": prompt.question}], "key": prompt.key}


def _arguments(config: TrainConfig, out: Path) -> Any:
    """The recipe in TRL's words: token-level loss, two optimizer steps a batch, truncated ratios."""
    from trl import GRPOConfig

    batch = config.rollout.prompts * config.rollout.samples
    return GRPOConfig(
        output_dir=str(out),
        max_steps=config.run.steps * PER_STEP,
        per_device_train_batch_size=batch // PER_STEP,
        steps_per_generation=PER_STEP * config.rollout.batches,
        gradient_accumulation_steps=1,
        num_generations=config.rollout.samples,
        max_completion_length=config.rollout.max_tokens,
        temperature=config.rollout.temperature,
        learning_rate=config.optim.lr,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=config.optim.warmup * PER_STEP,
        max_grad_norm=config.optim.clip_norm,
        loss_type="dapo",
        epsilon=config.algorithm.clips[0],
        epsilon_high=config.algorithm.clips[1],
        beta=0.0,
        use_vllm=True,
        vllm_mode="colocate",
        vllm_max_model_length=config.rollout.max_model_len,
        vllm_importance_sampling_mode="token_truncate",
        vllm_importance_sampling_cap=config.algorithm.truncate_ratio,
        shuffle_dataset=False,
        seed=config.run.seed,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to="none",
        logging_steps=1000,
    )


def _reload_as_vllm_does() -> None:
    from trl.generation.vllm_generation import VLLMGeneration
    from vllm.model_executor.model_loader.reload import (
        finalize_layerwise_reload,
        initialize_layerwise_reload,
    )

    from arrol_serve.engine.plugin.weights import repack_tied_heads

    def sync_weights(self: Any) -> None:
        runner = self.llm.llm_engine.model_executor.driver_worker.model_runner
        initialize_layerwise_reload(runner.model)
        runner.model.load_weights(self._iter_named_params())
        finalize_layerwise_reload(runner.model, runner.model_config)
        repack_tied_heads(runner.model)
        self.llm.reset_prefix_cache()

    VLLMGeneration.sync_weights = sync_weights


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
