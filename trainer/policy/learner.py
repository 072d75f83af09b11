"""The policy being trained: its model, its optimizer, and one update on a batch of survivors.

With several ranks each takes every R-th micro-batch of the same batch; FSDP2 adds up the gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trainer.policy.adapters import dropping_out, without_adapters
from trainer.policy.batch import TrainRow, token_batch
from trainer.policy.loss import LossInputs, LossSums, denominator, policy_loss
from trainer.policy.memory import PassBudget, naming_memory
from trainer.policy.model import PolicyModel, initial_model, trained_model
from trainer.policy.old import OldLogprobs
from trainer.policy.optimizer import make_optimizer
from trainer.policy.packing import pack_for, share
from trainer.policy.report import UpdateReport
from trainer.policy.schedule import learning_rate
from trainer.policy.settings import PolicySettings
from trainer.policy.sharding import shard, whole
from trainer.policy.state import LearnerState
from trainer.precision import device
from trainer.ranks import Ranks
from trainer.seeds import seed_for


class Learner:
    """Owns the policy and the AdamW of what is trained of it; both keep float32.

    All ranks call ``update``, ``score`` and what reads or writes ``state`` together.
    """

    def __init__(
        self, model_folder: Path, settings: PolicySettings, ranks: Ranks | None = None
    ) -> None:
        self.settings, self.ranks = settings, ranks or Ranks()
        self.device = device()
        self.policy = shard(trained_model(model_folder, settings), self.ranks, self.device)
        own = settings.algorithm.kl_weight > 0 and not settings.lora.rank
        self._initial = (
            shard(initial_model(model_folder, settings.optim), self.ranks, self.device)
            if own
            else None
        )
        moved = [weight for weight in self.policy.parameters() if weight.requires_grad]
        self.optimizer = make_optimizer(moved, settings.optim, self.ranks.size)
        self.state = LearnerState(self.policy, self.optimizer)
        self.budget = PassBudget(settings.optim.tokens_per_pass, alone=self.ranks.size == 1)
        self.trusts_engine = True
        """With ``algorithm.old = "engine"``: what the last look at fresh rollouts has found."""

    @property
    def model(self) -> Any:
        """As transformers knows it."""
        return self.policy.inner

    def update(
        self,
        rows: Sequence[TrainRow],
        step: int,
        sampled: int | None = None,
        *,
        stale: bool = False,
    ) -> UpdateReport:
        """``optim.minibatches`` optimizer steps on ``rows``; none where there is nothing to learn.

        ``sampled``: rollouts that the rows were left of; None: as many. ``stale``: they were sampled with
        older weights. A step whose gradient is not finite is left out, and counted.
        """
        report = UpdateReport(lr=learning_rate(self.settings.optim, step, self.settings.steps))
        halvings = self.budget.halvings
        with report.clock.phase("update"):
            self._update(rows, step, sampled or len(rows), report, stale=stale)
        report.out_of_memory = self.budget.halvings - halvings
        report.tokens_per_pass = self.budget.tokens
        return report

    def _update(
        self,
        rows: Sequence[TrainRow],
        step: int,
        sampled: int,
        report: UpdateReport,
        *,
        stale: bool,
    ) -> None:
        order = list(range(len(rows)))
        if self.settings.optim.minibatches > 1:
            generator = torch.Generator().manual_seed(seed_for(self.settings.seed, "order", step))
            order = torch.randperm(len(rows), generator=generator).tolist()
        size = math.ceil(len(rows) / self.settings.optim.minibatches) or 1
        old = OldLogprobs(rows, self.settings, stale=stale, trusted=self.trusts_engine)
        self._compute(old, old.apart(order, size), report)
        reference = None
        if self.settings.algorithm.kl_weight > 0:
            with report.clock.phase("logprob"):
                reference = self._reference(rows)
        each = sampled / self.settings.optim.minibatches
        with self._dropout(step):
            for start in range(0, len(rows), size):
                chosen, rest = order[start : start + size], order[start + size :]
                self._gradient(rows, chosen, old, reference, report, each)
                if start == 0 and old.undecided:
                    self.trusts_engine = old.decide(rest, report.mismatch, self.ranks)
                    self._compute(old, old.missing(rest), report)
                self._finish(report)
        report.from_engine = old.share
        report.add_up(self.ranks)

    def _compute(self, old: OldLogprobs, apart: list[int], report: UpdateReport) -> None:
        """Old log-probabilities by passes of their own."""
        with report.clock.phase("logprob"):
            passes = self._logprobs(self.policy, [old.rows[i] for i in apart])
            old.known.update(zip(apart, passes, strict=True))

    def _tensor(self, values: Iterable[float]) -> Tensor:
        return torch.tensor(list(values), device=self.device)

    @contextmanager
    def _dropout(self, step: int) -> Iterator[None]:
        """Drawn anew in each step and rank, and the same when the step is repeated."""
        if self.settings.lora.dropout == 0:
            yield
            return
        with torch.random.fork_rng(), dropping_out(self.model):
            torch.manual_seed(seed_for(self.settings.seed, "dropout", step, self.ranks.rank))
            yield

    def _reference(self, rows: Sequence[TrainRow]) -> list[Tensor]:
        """Log-probabilities of the initial model."""
        if self._initial is not None:
            return self._logprobs(self._initial, rows)
        with without_adapters(self.model):
            return self._logprobs(self.policy, rows)

    def _gradient(
        self,
        rows: Sequence[TrainRow],
        chosen: list[int],
        old: OldLogprobs,
        reference: list[Tensor] | None,
        report: UpdateReport,
        sampled: float,
    ) -> None:
        """Accumulate the gradient of one optimizer step over its micro-batches, under one denominator."""
        mine = [rows[i] for i in chosen]
        options = self.settings.algorithm
        total = denominator(mine, sampled, self.settings.max_tokens, options)

        def passes() -> list[tuple[LossSums, Tensor]]:
            self.optimizer.zero_grad(set_to_none=True)
            made = []
            for places, counts in self._mine(mine):
                micro = [chosen[place] for place in places]
                sums, away = self._loss(rows, micro, old.known, reference)
                # FSDP2 takes the mean of the ranks' gradients, and the denominator is of all of them.
                scale = self.ranks.size / total if counts else 0.0
                (sums.loss * scale).backward()  # type: ignore[no-untyped-call]
                if counts:  # what is the engine's own says nothing of how far they are apart
                    made.append((sums.detached(), away[:0] if micro[0] in old.engines else away))
            return made

        for sums, away in self.budget.within(passes, [row.length for row in mine]):
            report.add(sums, away, total)

    def _finish(self, report: UpdateReport) -> None:
        """The optimizer step itself."""
        norm = self._apply(report.lr)
        if math.isfinite(norm):
            report.grad_norm += norm
            report.steps += 1
        else:
            report.skipped += 1

    def _loss(
        self,
        rows: Sequence[TrainRow],
        micro: list[int],
        old: Mapping[int, Tensor],
        reference: list[Tensor] | None,
    ) -> tuple[LossSums, Tensor]:
        """Sums over a micro-batch, and per token how far the trainer is from the engine.

        ``old``: by row, of all of the micro-batch's rows or of none: then it is this pass's own.
        """
        batch = token_batch([rows[i] for i in micro]).to(self.device)
        new = self.policy(batch, self.settings.temperature)
        inputs = LossInputs(
            new=new,
            old=torch.cat([old[i] for i in micro]).to(new) if micro[0] in old else new.detach(),
            engine=self._tensor(p for i in micro for p in rows[i].engine_logprobs),
            reference=None
            if reference is None
            else torch.cat([reference[i] for i in micro]).to(new),
            advantage=self._tensor(rows[i].advantage for i in micro),
            weight=self._tensor(rows[i].weight for i in micro),
        )
        away = (inputs.old - inputs.engine).cpu()
        return policy_loss(batch, inputs, self.settings.algorithm), away

    def _mine(self, rows: Sequence[TrainRow]) -> list[tuple[list[int], bool]]:
        """This rank's micro-batches, as many as every other rank's; False: a filler that counts 0."""
        lengths = [row.length for row in rows]
        packed = pack_for(lengths, self.budget.tokens, self.ranks.size)
        return share(packed, lengths, self.ranks.rank, self.ranks.size)

    def _apply(self, lr: float) -> float:
        trained = self.state.trained().values()
        norm = whole(torch.nn.utils.clip_grad_norm_(trained, self.settings.optim.clip_norm))
        if math.isfinite(float(norm)):
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            with naming_memory(
                "The optimizer's step",
                "its moments take 8 bytes a trained weight, 2 with optim.name = 'adamw8bit'",
            ):
                self.optimizer.step()
        return float(norm)

    @torch.no_grad()
    def _logprobs(
        self, model: PolicyModel, rows: Sequence[TrainRow], temperature: float | None = None
    ) -> list[Tensor]:
        """Log-probabilities of each row's completion, without gradient; each rank computes a share."""
        warmth = temperature or self.settings.temperature

        def passes() -> dict[int, Tensor]:
            made: dict[int, Tensor] = {}
            for places, counts in self._mine(rows):
                values = model(token_batch([rows[i] for i in places]).to(self.device), warmth)
                if counts:
                    sizes = [len(rows[i].token_ids) for i in places]
                    made.update(zip(places, torch.split(values.cpu(), sizes), strict=True))
            return made

        mine = self.budget.within(passes, [row.length for row in rows])
        found: dict[int, Tensor] = {}
        for part in self.ranks.all(lambda: mine):
            found.update(part)
        return [found[i] for i in range(len(rows))]

    def score(self, rows: Sequence[TrainRow], temperature: float) -> list[Tensor]:
        """The trained model's log-probabilities of each row's completion."""
        return self._logprobs(self.policy, rows, temperature)

    def weights(self, *, keep: bool = True) -> Mapping[str, Tensor]:
        return self.state.weights(keep=keep)
