"""TRL's ``GRPOTrainer`` with pruned rollouts: ``ArrolGRPOTrainer`` takes the same arguments and ``prune``.

Rollouts come from our engine, in the trainer's process, which ends the hopeless ones while they are
generated; a head learns online whom. Pruned rows get no reward, take no part in their group's baseline, and
are dropped before TRL's log-probability and loss passes. Needs TRL 1.16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.errors import ConfigError
from trainer.integrations.pruner import Pruner, pruned
from trainer.integrations.rows import survivors
from trainer.integrations.trl_generation import ArrolGeneration
from trainer.integrations.trl_settings import check_settings, engine_dtype, settled
from trainer.sections import HeadSection, PruneSection

from trl import GRPOConfig, GRPOTrainer  # isort: skip
from trl.trainer import grpo_trainer  # isort: skip

STATE = "arrol.pt"
"""In TRL's checkpoints: what pruning has learned."""


class ArrolGRPOTrainer(GRPOTrainer):
    """``prune`` and ``head``: settings of ``trainer.sections`` by name, steps meaning generations.

    ``correct_from``: the weighted sum of rewards from which the head takes a completion for right.
    """

    _last_loaded_step: int  # TRL's

    def __init__(
        self,
        model: Any,
        reward_funcs: Any,
        args: GRPOConfig,
        train_dataset: Any = None,
        *,
        prune: PruneSection | Mapping[str, Any],
        head: HeadSection | Mapping[str, Any] | None = None,
        correct_from: float = 0.5,
        **rest: Any,
    ) -> None:
        """Raises ``ConfigError`` for what pruned generation does not have."""
        prune, heads = settled(PruneSection, prune), settled(HeadSection, head or {})
        check_settings(args, prune, rest)
        folder = Path(args.output_dir) / "arrol"
        generation = partial(
            ArrolGeneration, folder=folder / "weights", dtype=engine_dtype(args, model)
        )
        self._alive: list[bool] | None = None
        self._correct_from = correct_from
        with _generating_with(generation):
            super().__init__(model, reward_funcs, args, train_dataset, **rest)
        name = Path(self.model.name_or_path).name
        self.pruner = Pruner(self.model.config, name, prune, heads, args.seed, folder / "head")

    @property
    def _training(self) -> bool:
        return bool(self.model.training)

    def _generate_single_turn(
        self,
        prompt_ids: Sequence[Sequence[int]],
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        has_tool_images: bool = False,
    ) -> tuple[list[list[int]], list[list[float]]]:
        if images or multimodal_fields or has_tool_images:
            raise ConfigError("ArrolGRPOTrainer generates from texts alone: leave images out.")
        generation = self.vllm_generation
        if self.state.global_step != self._last_loaded_step:
            generation.sync_weights()
            self._last_loaded_step = self.state.global_step
        if self._training:
            self.pruner.push(generation.engine)
        ask = self.pruner.requests if self._training else self.pruner.unpruned
        self._asked = ask(
            prompt_ids[::num_generations],
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
        )
        self._sampled = generation.engine.sample(
            self._asked, num_generations, max_tokens=self.max_completion_length, logprobs=True
        )
        every = [rollout for group in self._sampled for rollout in group]
        return [list(one.token_ids) for one in every], [list(one.logprobs) for one in every]

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        """TRL's figures are of all that was generated; what goes on of a pruned row is a masked stub."""
        told = super()._generate(prompts)
        if not self._training:
            return tuple(told)
        self._alive = [not pruned(rollout) for group in self._sampled for rollout in group]
        prompt_ids, completion_ids, _, completions, logprobs, *rest = told
        if all(self._alive):
            return tuple(told)
        pairs = list(zip(self._alive, completion_ids, logprobs, strict=True))
        completion_ids = [ids if alive else ids[:1] for alive, ids, _ in pairs]
        logprobs = [values if alive else values[:1] for alive, _, values in pairs]
        mask = [
            [int(alive)] * len(ids) for alive, ids in zip(self._alive, completion_ids, strict=True)
        ]
        return (prompt_ids, completion_ids, mask, completions, logprobs, *rest)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            output: dict[str, Any] = super()._generate_and_score_completions(inputs)
            alive = self._alive
        finally:
            self._alive = None
        if alive is None:
            return output
        self._learn()
        return survivors(output, alive, self.args.steps_per_generation)

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, *args: Any, **options: Any
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """While a generation is scored, of survivors alone; 0 for the others."""
        if self._alive is None or all(self._alive):
            told: tuple[Tensor, Tensor | None, Tensor | None] = (
                super()._get_per_token_logps_and_entropies(
                    model, input_ids, attention_mask, *args, **options
                )
            )
            return told
        rows = torch.tensor(self._alive, device=input_ids.device).nonzero().squeeze(1)
        some, _, _ = super()._get_per_token_logps_and_entropies(
            model, input_ids[rows], attention_mask[rows], *args, **options
        )
        every = some.new_zeros(len(self._alive), some.size(1))
        every[rows] = some
        return every, None, None

    def _calculate_rewards(
        self,
        inputs: list[dict[str, Any]],
        prompts: list[Any],
        completions: list[Any],
        completion_ids_list: list[list[int]],
    ) -> Tensor:
        """Pruned rows are shown to no reward function: theirs are NaN."""
        alive = self._alive or [True] * len(prompts)
        rows = [i for i, lives in enumerate(alive) if lives]
        some: Tensor = super()._calculate_rewards(
            *(
                [each[i] for i in rows]
                for each in (inputs, prompts, completions, completion_ids_list)
            )
        )
        every = some.new_full((len(alive), some.size(1)), torch.nan)
        every[rows] = some
        for column, values in self._pending_extra_logs.items():
            if len(values) == len(rows):
                shown = dict(zip(rows, values, strict=True))
                self._pending_extra_logs[column] = [shown.get(i) for i in range(len(alive))]
        self._rewards = every
        return every

    def _learn(self) -> None:
        """The head, from the round that was just scored."""
        weights = self.reward_weights.to(self._rewards)
        totals = (self._rewards * weights).nansum(dim=1).tolist()
        unknown = self._rewards.isnan().all(dim=1).tolist()
        verdicts = iter(
            None if none else total >= self._correct_from
            for total, none in zip(totals, unknown, strict=True)
        )
        correct = [[next(verdicts) for _ in group] for group in self._sampled]
        record = self.vllm_generation.engine.take_features()
        figures = self.pruner.learn(self._asked, self._sampled, correct, record)
        for name, value in figures.items():
            self._metrics["train"][f"arrol/{name}"].append(value)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        torch.save(self.pruner.state(), folder / STATE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        path = None if checkpoint is None else Path(checkpoint) / STATE
        if path is not None and path.exists():  # else it is plain TRL's, and the head learns anew
            self.pruner.load_state(torch.load(path, weights_only=True, map_location="cpu"))


@contextmanager
def _generating_with(generation: Any) -> Iterator[None]:
    """TRL makes its generation back end while it is built."""
    before, grpo_trainer.VLLMGeneration = grpo_trainer.VLLMGeneration, generation
    try:
        yield
    finally:
        grpo_trainer.VLLMGeneration = before
