"""The policy being trained: its model, its optimizer, and one update on a batch of survivors."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from trainer.adapters import dropping_out, merged, without_adapters
from trainer.batch import TrainRow, token_batch
from trainer.config import OptimSection, TrainConfig
from trainer.loss import LossInputs, denominator, policy_loss
from trainer.packing import pack
from trainer.policy_model import PolicyModel, initial_model, trained_model
from trainer.precision import device
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
    """Owns the policy and the AdamW of what is trained of it; both keep float32."""

    def __init__(self, model_folder: Path, config: TrainConfig) -> None:
        self.config = config
        self.device = device()
        self.policy = trained_model(model_folder, config, self.device)
        own = config.algorithm.kl_weight > 0 and not config.lora.rank
        self._initial = initial_model(model_folder, config, self.device) if own else None
        self.optimizer = torch.optim.AdamW(
            self.trained().values(),
            lr=config.optim.lr,
            weight_decay=config.optim.weight_decay,
        )

    @property
    def model(self) -> Any:
        """As transformers knows it."""
        return self.policy.inner

    def update(self, rows: Sequence[TrainRow], step: int) -> UpdateReport:
        """``optim.minibatches`` optimizer steps on ``rows``; none where there is nothing to learn."""
        report = UpdateReport(lr=learning_rate(self.config.optim, step, self.config.run.steps))
        began = time.monotonic()
        several = self.config.optim.minibatches > 1
        # With dropout the pass with gradient is not that of the policy that sampled.
        apart = several or self.config.lora.dropout > 0
        old = self._logprobs(self.policy, rows) if apart else None
        reference = self._reference(rows) if self.config.algorithm.kl_weight > 0 else None
        report.logprob_s = time.monotonic() - began
        order = list(range(len(rows)))
        if several:
            generator = torch.Generator().manual_seed(seed_for(self.config.run.seed, "order", step))
            order = torch.randperm(len(rows), generator=generator).tolist()
        size = math.ceil(len(rows) / self.config.optim.minibatches) or 1
        with self._dropout(step):
            for start in range(0, len(rows), size):
                self._step(rows, order[start : start + size], old, reference, report)
        report.update_s = time.monotonic() - began - report.logprob_s
        return report

    def _tensor(self, values: Iterable[float]) -> Tensor:
        return torch.tensor(list(values), device=self.device)

    @contextmanager
    def _dropout(self, step: int) -> Iterator[None]:
        """Drawn anew in each step, and the same when the step is repeated."""
        if self.config.lora.dropout == 0:
            yield
            return
        with torch.random.fork_rng(devices=[]), dropping_out(self.model):
            torch.manual_seed(seed_for(self.config.run.seed, "dropout", step))
            yield

    def _reference(self, rows: Sequence[TrainRow]) -> list[Tensor]:
        """Log-probabilities of the initial model."""
        if self._initial is not None:
            return self._logprobs(self._initial, rows)
        with without_adapters(self.model):
            return self._logprobs(self.policy, rows)

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
            batch = token_batch([rows[i] for i in micro]).to(self.device)
            new = self.policy(batch, self.config.rollout.temperature)
            before = new.detach() if old is None else torch.cat([old[i] for i in micro])
            engine = self._tensor(p for i in micro for p in rows[i].engine_logprobs)
            inputs = LossInputs(
                new=new,
                old=before,
                engine=engine,
                reference=None if reference is None else torch.cat([reference[i] for i in micro]),
                advantage=self._tensor(rows[i].advantage for i in micro),
                weight=self._tensor(rows[i].weight for i in micro),
            )
            sums = policy_loss(batch, inputs, options)
            (sums.loss / total).backward()  # type: ignore[no-untyped-call]
            report.loss += sums.loss.item() / total
            report.clipped += sums.clipped
            report.terms += sums.terms
            report.mismatch.append((before - engine).cpu())
        report.grad_norm += self._apply(report.lr)
        report.steps += 1

    def _apply(self, lr: float) -> float:
        trained = self.trained().values()
        norm = torch.nn.utils.clip_grad_norm_(trained, self.config.optim.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        return float(norm)

    @torch.no_grad()
    def _logprobs(
        self, model: PolicyModel, rows: Sequence[TrainRow], temperature: float | None = None
    ) -> list[Tensor]:
        """Of each row's completion, without gradient."""
        temperature = temperature or self.config.rollout.temperature
        found: list[Tensor] = [torch.empty(0)] * len(rows)
        for places in pack([row.length for row in rows], self.config.optim.tokens_per_pass):
            batch = token_batch([rows[i] for i in places]).to(self.device)
            values = model(batch, temperature)
            counts = [len(rows[i].token_ids) for i in places]
            for i, part in zip(places, torch.split(values, counts), strict=True):
                found[i] = part
        return found

    def score(self, rows: Sequence[TrainRow], temperature: float) -> list[Tensor]:
        """The trained model's log-probabilities of each row's completion."""
        found = self._logprobs(self.policy, rows, temperature)
        return [values.cpu() for values in found]

    def trained(self) -> dict[str, torch.nn.Parameter]:
        """What the optimizer moves, by name: with ``lora.rank`` the adapters alone. Tied ones once."""
        named = self.model.named_parameters()
        return {name: weight for name, weight in named if weight.requires_grad}

    @torch.no_grad()
    def state(self) -> dict[str, Tensor]:
        """Of ``trained``: what a checkpoint has to hold."""
        return {name: weight.detach().contiguous() for name, weight in self.trained().items()}

    @torch.no_grad()
    def load_state(self, file: Path) -> None:
        """Exactly what ``state`` gave."""
        saved, trained = load_file(file), self.trained()
        if saved.keys() != trained.keys():
            odd = sorted(saved.keys() ^ trained.keys())
            raise ValueError(f"{file} is not of this model: {odd[:3]}")
        for name, weight in trained.items():
            weight.copy_(saved[name])

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        """The whole policy in ``optim.dtype`` by checkpoint name, adapters merged in; tied ones once."""
        dtype = self.policy.dtype
        return {name: value.to(dtype).contiguous() for name, value in merged(self.model)}


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
