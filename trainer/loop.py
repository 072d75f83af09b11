"""The training loop; ``Trainer.step`` is the page to read.

data -> rollouts -> rewards -> advantages -> loss -> update -> head -> sync -> metrics, then save.
Everything random is a function of the run's seed and of a number, so a step can be repeated exactly
from the state that ``Trainer.save`` writes.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from arrol_serve.answers.pool import AnswerPool
from trainer.config import TrainConfig
from trainer.engines.opening import open_engine, open_room
from trainer.engines.weight_transfer import check_backend, sends_adapters
from trainer.errors import ReplicaLost, ReplicaRefused, RewardLost
from trainer.experience import ExperienceSampler, train_rows
from trainer.groups.judged import Experience, JudgedGroup
from trainer.head.artefact import base_model_facts, write_head
from trainer.held_out.best import Best
from trainer.held_out.exam import Exam, check_rewards
from trainer.held_out.questions import question_sets
from trainer.policy.generation_config import tell
from trainer.policy.learner import Learner
from trainer.precision import allowed_gap, compute_dtype
from trainer.prompts.prompt import Prompt, PromptSource
from trainer.prompts.room import with_room
from trainer.prompts.sources import open_source
from trainer.pruning.calibrating import LastToken
from trainer.pruning.history import SuccessHistory
from trainer.pruning.online_head import OnlineHead, head_rows
from trainer.pruning.survival import Knowledge, survival_spec
from trainer.ranks import Ranks, open_ranks
from trainer.rewards.grader import CHECKED, Grader
from trainer.run import checkpoint
from trainer.run.folder import RunFolder, model_folder, model_name, open_run
from trainer.run.log import MetricsLog, NoLog, open_log
from trainer.run.metrics import rollout_metrics, success_rate, tokens_generated, update_metrics
from trainer.run.pending import batches_of, packed, unpacked
from trainer.run.rollouts import keep_rollouts
from trainer.run.stopping import Stopping
from trainer.seeds import seed_for
from trainer.stopwatch import Stopwatch
from trainer.weight_sync import SyncProbe, WeightSync, open_sync

NOTHING = Knowledge((), (0.0,))


def train(config: TrainConfig, *, resume: bool) -> bool:
    """Run to the last step; False: SIGTERM or Ctrl-C came, and the state was saved."""
    ranks = open_ranks(config.run.rank_timeout_s)
    try:
        opened = ranks.all(lambda: open_run(config, resume=resume) if ranks.first else None)[0]
        assert opened is not None  # noqa: S101 - the first rank's
        run, start = opened
        trainer = Trainer(config, run, ranks)
        try:
            if start is not None:
                trainer.load(start)
            with ranks.watching():
                return trainer.train()
        finally:
            trainer.close()
    finally:
        ranks.close()


class Trainer:
    """What a run consists of, and its state between two steps."""

    def __init__(self, config: TrainConfig, run: RunFolder, ranks: Ranks | None = None) -> None:
        self.ranks = ranks = ranks or Ranks()
        remote = bool(config.rollout.replicas)
        check_backend(config.sync.backend, ranks.size, remote=remote, sleep=config.rollout.sleep)
        self._adapters = sends_adapters(config.sync, config.lora, remote=remote)
        self.config, self.run = config, run
        self.done, self.cursor, self.off_policy, self.examined = 0, 0, 0, 0
        self.pending: list[Experience] = []
        """Sampled already, for the next steps."""
        folder = model_folder(config)
        room = open_room(folder, config.rollout, config.chat)
        self.source = with_room(open_source(config.data, config.run.seed), room)
        sets = question_sets(config.eval, config.data, room) if config.eval.every else []
        self.exam = Exam(sets, config.eval, config.rollout, config.reward, config.chat, ranks)
        self.best = Best()
        self.history = SuccessHistory()
        self.learner = Learner(folder, config.policy, ranks)
        ranks.on_first(lambda: tell(self.learner.model, folder))
        self.facts = base_model_facts(self.learner.model.config, model_name(config))
        self.head = (
            OnlineHead(self.facts.hidden_size, config.head, config.prune, config.run.seed)
            if config.trains_head
            else None
        )
        self.pool = AnswerPool(config.reward.workers, config.reward.timeout_s)
        self.grader = Grader(self.pool, config.reward, config.data.source)
        self.grader.check([self.source.prompt(number) for number in range(CHECKED)])
        check_rewards(sets, config.reward, self.pool)
        self.engine = open_engine(
            folder,
            config.rollout,
            config.sync.backend,
            compute_dtype(config.optim),
            ranks,
            config.chat.template,
            config.engine,
        )
        self.sampler = self._sampler(self.source)
        self.sync = self._sync(self.source.prompt(0).question)

    def _sampler(self, source: PromptSource) -> ExperienceSampler:
        return ExperienceSampler(
            engine=self.engine,
            grader=self.grader,
            source=source,
            rollout=self.config.rollout,
            prune=self.config.prune,
            reward=self.config.reward,
            chat=self.config.chat,
            seed=self.config.run.seed,
            record=self.head is not None,
            last_tokens=self.config.head.last_tokens,
            ranks=self.ranks,
        )

    def _sync(self, question: str) -> WeightSync:
        options, place = self.config.sync, self.run.weights
        probe = SyncProbe(
            question=question,
            tokens=options.probe_tokens,
            max_gap=allowed_gap(options, self.config.optim),
            seed=self.config.run.seed,
        )
        return open_sync(
            self.engine, self.learner, place, options, probe, self.ranks, adapters=self._adapters
        )

    def train(self) -> bool:
        """Step, log and save until done; False: stopped early by SIGTERM or Ctrl-C."""
        with Stopping() as stopping:
            log = open_log(self.run.path, self.done, self.config, self.ranks)
            try:
                return self._steps(log, stopping)
            except (ReplicaLost, ReplicaRefused, RewardLost):
                self.save()  # the state is that between two steps, wherever it happened
                raise
            finally:
                log.close()

    def _steps(self, log: MetricsLog | NoLog, stopping: Stopping) -> bool:
        self._push()
        if self.exam.due(self.done) and (self.done == 0 or self.examined < self.done):
            log.write({"step": self.done, **self._examine()})
        while self.done < self.config.run.steps and not self._exhausted:
            if self.ranks.any(stopping.asked):
                break
            row: dict[str, Any] = {}
            try:
                self.step(row)
            finally:  # engines and judges may be lost after the update: the step has been made
                if row:
                    log.write({"step": self.done, **row})
            if self.done % self.config.checkpoint.every == 0 or self.best.step == self.done:
                self.save()
        self.save()
        if self._exhausted and self.ranks.first:
            print(f"\n{self.best.ended(self.done, self.config.eval)}", file=sys.stderr)
        return self.done >= self.config.run.steps or self._exhausted

    def step(self, row: dict[str, Any]) -> None:
        """One step. ``row`` gets what it did, in numbers, from when the state has it on."""
        clock, step = Stopwatch(), self.done
        found = self._batch(clock)
        rows = train_rows(found.groups, self.config.algorithm, dynamic=self.sampler.dynamic)
        sampled = len(found.groups) * self.config.rollout.samples  # what a group stands for
        report = self.learner.update(rows, step, sampled, stale=self.off_policy > 0)
        with clock.phase("head"):
            recorded = head_rows(found.features, found.groups, self.config.head.last_tokens)
            figures = self.head.learn(recorded, step) if self.head and recorded else {}
        every = self.config.log.rollouts_every
        self.ranks.on_first(
            lambda: keep_rollouts(self.run.path, step + 1, every, found.groups, rows)
        )
        self._remember(found.groups)
        self.cursor, self.done = found.cursor, step + 1
        row |= rollout_metrics(found.groups) | update_metrics(rows, report) | figures
        row |= {"off_policy": self.off_policy} | clock.row()
        examined = self.exam.due(self.done)
        if not self.pending or examined:  # else nothing is sampled before the next step
            with clock.phase("sync"):
                row["sync_gap"] = self._push()
            row |= self.sync.figures
        row |= clock.row()
        if seconds := row.get("seconds/generate"):  # a rank may have its rollouts from another
            ahead = [found, *self.pending]
            row["tokens_per_s"] = sum(tokens_generated(batch.groups) for batch in ahead) / seconds
        if examined:
            row |= self._examine()

    def _batch(self, clock: Stopwatch) -> Experience:
        """What this step is trained on; sampled now where nothing is pending."""
        if self.pending:
            self.off_policy += 1
            return self.pending.pop(0)
        options, dynamic = self.config.rollout, self.sampler.dynamic
        found = self.sampler.gather(self.cursor, self._policy_of, clock, self._takes)
        first, *self.pending = batches_of(found, options.batches, options.prompts, dynamic=dynamic)
        self.off_policy = 0
        return first

    def _takes(self, number: int, prompt: Prompt) -> bool:
        data, seed = self.config.data, self.config.run.seed
        chance = self.history.chance(prompt.key, data.revisit, data.revisit_floor)
        return chance == 1 or seed_for(seed, "revisit", number) < chance * 2**48

    def _policy_of(self, prompt: Prompt) -> tuple[dict[str, Any], float]:
        estimate = self.history.estimate(prompt.key, prompt.kind)
        knowledge = NOTHING if self.head is None else self.head.knowledge
        return survival_spec(self.config.prune, self.done, knowledge, estimate), estimate

    def _remember(self, groups: list[JudgedGroup]) -> None:
        for group in groups:
            self.history.add(group.prompt.key, group.prompt.kind, *success_rate(group))
            if group.survivors:  # else nobody knows
                self.history.saw(group.prompt.key, mixed=group.mixed)

    def _push(self) -> float:
        """Weights and head of this moment into the engine; the gap that the probe found."""
        gap = self.sync.push(self.learner, str(self.done))
        if self.head is not None and self._scores:
            version = f"step-{self.done}"
            head, probes = self.head.head, self.config.prune.probes
            self.ranks.on_first(
                lambda: write_head(self.run.head, head, self.facts, version=version, probes=probes)
            )
            self.ranks.all(lambda: self.engine.load_head(self.run.head, version))
        return gap

    def _examine(self) -> dict[str, float | None]:
        began, learned = time.perf_counter(), self.done > 0 and self._scores
        calibration = LastToken(self.head) if self.head is not None and learned else None
        row = self.exam.figures(self.engine, self.pool, calibration)
        if metric := self.config.eval.keep_best:
            self.best.saw(self.done, row, metric)
        self.examined = self.done
        return row | {"seconds/eval": time.perf_counter() - began}

    @property
    def _scores(self) -> bool:
        """Whether the engine has the head."""
        return self.head is not None and self.done >= self.config.prune.cold_start

    @property
    def _exhausted(self) -> bool:
        return self.best.exhausted(self.config.eval.patience)

    def save(self) -> None:
        state = {
            "done": self.done,
            "cursor": self.cursor,
            "optimizer": self.learner.state.optimizer(),
            "head": None if self.head is None else self.head.state(),
            "history": asdict(self.history),
            "best": asdict(self.best),
            "pending": packed(self.pending),
            "off_policy": self.off_policy,
            "examined": self.examined,
            "trusts_engine": self.learner.trusts_engine,
            "tokens_per_pass": self.learner.budget.lowered,
            "torch_rng": torch.get_rng_state(),
        }
        weights, folder = self.learner.state.model(), self.run.checkpoints
        keep, best = self.config.checkpoint.keep, self.best.step
        self.ranks.on_first(
            lambda: checkpoint.save_both(folder, self.done, weights, state, keep, best)
        )

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = checkpoint.load_state(path)
        self.learner.state.load(path / checkpoint.MODEL, state["optimizer"])
        if self.head is not None:
            self.head.load_state(state["head"])
        self.history, self.best = SuccessHistory(**state["history"]), Best(**state.get("best", {}))
        self.done, self.cursor = state["done"], state["cursor"]
        self.pending, self.off_policy = unpacked(state["pending"], self.source), state["off_policy"]
        self.examined = state.get("examined", self.done)
        self.learner.trusts_engine = state["trusts_engine"]
        self.learner.budget.lower_to(state.get("tokens_per_pass"))
        torch.set_rng_state(state["torch_rng"])

    def close(self) -> None:
        self.pool.close()
        self.engine.close()
