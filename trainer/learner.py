"""The policy being trained: its model, its optimizer, and one update on a batch of survivors."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from trainer.batch import TrainRow, token_batch
from trainer.config import OptimSection, TrainConfig
from trainer.logprobs import completion_logprobs
from trainer.loss import LossInputs, denominator, policy_loss
from trainer.packing import pack
from trainer.seeds import seed_for


@dataclass(slots=True)
class UpdateReport:
    """What one step's update did. Sums become means in ``metrics``."""

    steps: int = 0
    loss: float = 0.0
    grad_norm: float = 0.0
    lr: float = 0.0
    clipped: float = 0.0
    terms: float = 0.0
    mismatch: list[Tensor] = field(default_factory=list)
    """Per token: the trainer's old log-probability minus the engine's."""
    logprob_s: float = 0.0
    """0 with one minibatch: the update's own forward pass gives the old log-probabilities, ratio 1."""
    update_s: float = 0.0


class Learner:
    """Owns the trained model (float32) and its AdamW."""

    def __init__(self, model_folder: Path, config: TrainConfig) -> None:
        self.config = config
        self.model = _load(model_folder)
        if config.optim.gradient_checkpointing:
            _checkpoint_layers(self.model)
        self.reference = _load(model_folder) if config.algorithm.kl_weight > 0 else None
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.optim.lr, weight_decay=config.optim.weight_decay
        )

    def update(self, rows: Sequence[TrainRow], step: int) -> UpdateReport:
        """``optim.minibatches`` optimizer steps on ``rows``; none where there is nothing to learn."""
        report = UpdateReport(lr=learning_rate(self.config.optim, step, self.config.run.steps))
        began = time.monotonic()
        several = self.config.optim.minibatches > 1
        old = self._logprobs(self.model, rows) if several else None
        reference = None if self.reference is None else self._logprobs(self.reference, rows)
        report.logprob_s = time.monotonic() - began
        order = list(range(len(rows)))
        if several:
            generator = torch.Generator().manual_seed(seed_for(self.config.run.seed, "order", step))
            order = torch.randperm(len(rows), generator=generator).tolist()
        size = math.ceil(len(rows) / self.config.optim.minibatches) or 1
        for start in range(0, len(rows), size):
            self._step(rows, order[start : start + size], old, reference, report)
        report.update_s = time.monotonic() - began - report.logprob_s
        return report

    def _step(
        self,
        rows: Sequence[TrainRow],
        chosen: list[int],
        old: list[Tensor] | None,
        reference: list[Tensor] | None,
        report: UpdateReport,
    ) -> None:
        """One optimizer step; gradients accumulate over micro-batches under one denominator."""
        options = self.config.algorithm
        total = denominator(
            sum(len(rows[i].token_ids) for i in chosen),
            len(chosen),
            self.config.rollout.max_tokens,
            options,
        )
        budget = self.config.optim.tokens_per_pass
        self.optimizer.zero_grad(set_to_none=True)
        for places in pack([rows[i].length for i in chosen], budget):
            micro = [chosen[place] for place in places]
            batch = token_batch([rows[i] for i in micro])
            new = completion_logprobs(self.model, batch, self.config.rollout.temperature)
            before = new.detach() if old is None else torch.cat([old[i] for i in micro])
            engine = torch.tensor([p for i in micro for p in rows[i].engine_logprobs])
            inputs = LossInputs(
                new=new,
                old=before,
                engine=engine,
                reference=None if reference is None else torch.cat([reference[i] for i in micro]),
                advantage=torch.tensor([rows[i].advantage for i in micro]),
                weight=torch.tensor([rows[i].weight for i in micro]),
            )
            sums = policy_loss(batch, inputs, options)
            (sums.loss / total).backward()  # type: ignore[no-untyped-call]
            report.loss += sums.loss.item() / total
            report.clipped += sums.clipped
            report.terms += sums.terms
            report.mismatch.append(before - engine)
        report.grad_norm += self._apply(report.lr)
        report.steps += 1

    def _apply(self, lr: float) -> float:
        parameters = self.model.parameters()
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.config.optim.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        return float(norm)

    @torch.no_grad()
    def _logprobs(
        self, model: Any, rows: Sequence[TrainRow], temperature: float | None = None
    ) -> list[Tensor]:
        """Of each row's completion, without gradient."""
        temperature = temperature or self.config.rollout.temperature
        found: list[Tensor] = [torch.empty(0)] * len(rows)
        for places in pack([row.length for row in rows], self.config.optim.tokens_per_pass):
            batch = token_batch([rows[i] for i in places])
            values = completion_logprobs(model, batch, temperature)
            counts = [len(rows[i].token_ids) for i in places]
            for i, part in zip(places, torch.split(values, counts), strict=True):
                found[i] = part
        return found

    def score(self, rows: Sequence[TrainRow], temperature: float) -> list[Tensor]:
        """The trained model's log-probabilities of each row's completion."""
        return self._logprobs(self.model, rows, temperature)

    def load_weights(self, file: Path) -> None:
        """Exactly the weights that ``weights`` gave."""
        missing, unexpected = self.model.load_state_dict(load_file(file), strict=False)
        tied = set(self.model.state_dict()) - set(self.weights())
        if unexpected or set(missing) - tied:
            raise ValueError(f"{file} is not of this model: {[*missing, *unexpected][:3]}")

    def weights(self) -> dict[str, Tensor]:
        """By checkpoint name; tied ones once."""
        return {
            name: parameter.detach().contiguous()
            for name, parameter in self.model.named_parameters()
        }


def _load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def _checkpoint_layers(model: Any) -> None:
    """Transformers recomputes layers in training mode only; the rest stays without dropout."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    model.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.training = True  # of the layer alone: its dropouts stay off


def learning_rate(config: OptimSection, step: int, steps: int) -> float:
    """Of step ``step`` (from 0) of ``steps``: a linear warm-up, then the schedule down to 0."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, steps - config.warmup)
    if config.schedule == "linear":
        return config.lr * (1 - done)
    if config.schedule == "cosine":
        return config.lr * (1 + math.cos(math.pi * done)) / 2
    return config.lr
