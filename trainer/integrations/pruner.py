"""What prunes rollouts for a training loop that is not ours: head, posterior and history in one place.

A round is one generation: ``requests`` say how its groups are sampled, ``learn`` takes what became of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.rollout import PRUNED_STOP_REASON
from trainer.engines.base import RolloutEngine
from trainer.engines.sampling import NEVER, GroupRequest, SampledRollout
from trainer.groups.judged import JudgedGroup, JudgedRollout
from trainer.head.artefact import base_model_facts, write_head
from trainer.prompts.prompt import Prompt
from trainer.pruning.history import SuccessHistory
from trainer.pruning.online_head import OnlineHead, head_rows
from trainer.pruning.survival import Knowledge, survival_spec
from trainer.run.metrics import rollout_metrics, success_rate
from trainer.sections import HeadSection, PruneSection
from trainer.seeds import seed_for

KIND = "prompt"
STRIDE = 1 << 20
"""More than the groups of a round: a group's number tells round and place."""
FIGURES = ("kept", "kept_at_risk", "groups_mixed", "groups_lost_to_pruning", "length")
"""Figures of a round, by the names that our own trainer gives them."""


class Pruner:
    """``rounds``: generations that were learned from; the first ``prune.cold_start`` are not pruned."""

    def __init__(
        self, model: Any, name: str, prune: PruneSection, head: HeadSection, seed: int, folder: Path
    ) -> None:
        """``model``: its configuration, as transformers has it; ``folder``: where the engine finds heads."""
        self.prune, self._seed, self._folder = prune, seed, folder
        self._last_tokens = head.last_tokens
        self.rounds = 0
        self.history = SuccessHistory()
        self._facts = base_model_facts(model, name)
        wanted = head.train == "always" or prune.mode.startswith("arrol")
        self.head = OnlineHead(self._facts.hidden_size, head, prune, seed) if wanted else None

    def requests(
        self, prompts: Sequence[Sequence[int]], *, temperature: float, top_p: float, top_k: int
    ) -> list[GroupRequest]:
        """A group for each prompt, pruned as far as has been learned."""
        return [
            self._request(place, tuple(ids), temperature, top_p, top_k)
            for place, ids in enumerate(prompts)
        ]

    def _request(
        self, place: int, ids: tuple[int, ...], temperature: float, top_p: float, top_k: int
    ) -> GroupRequest:
        number = self.rounds * STRIDE + place
        knowledge = Knowledge((), (0.0,)) if self.head is None else self.head.knowledge
        policy = survival_spec(self.prune, self.rounds, knowledge, self._estimate(ids))
        return GroupRequest(
            name=str(number),
            question="",
            prompt_ids=ids,
            seed=seed_for(self._seed, "rollouts", number),
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            probes=self.prune.probes,
            policy=policy,
            signals=("quality",) if policy["name"].startswith("arrol") else (),
            record=self.prune.probes if self.head is not None else None,
            to_end=self._last_tokens,
            min_survivors=self.prune.min_survivors,
        )

    def unpruned(
        self, prompts: Sequence[Sequence[int]], *, temperature: float, top_p: float, top_k: int
    ) -> list[GroupRequest]:
        """Groups for an evaluation, the same ones for the same prompts."""
        return [
            GroupRequest(
                name=f"eval-{place}",
                question="",
                prompt_ids=tuple(ids),
                seed=seed_for(self._seed, "eval", place),
                temperature=temperature,
                top_p=top_p,
                top_k=top_k,
                policy=NEVER,
            )
            for place, ids in enumerate(prompts)
        ]

    def learn(
        self,
        requests: Sequence[GroupRequest],
        sampled: Sequence[Sequence[SampledRollout]],
        correct: Sequence[Sequence[bool | None]],
        record: FeatureRecord,
    ) -> dict[str, float]:
        """End the round; its figures. ``correct``: by group and rollout, None where nobody knows."""
        groups = [self._judged(*one) for one in zip(requests, sampled, correct, strict=True)]
        figures = {
            k: v for k, v in rollout_metrics(groups).items() if k in FIGURES and v is not None
        }
        rows = head_rows(record, groups, self._last_tokens)
        if self.head is not None and rows is not None:
            figures |= self.head.learn(rows, self.rounds)
        for group in groups:
            self.history.add(group.prompt.key, KIND, *success_rate(group))
        self.rounds += 1
        return figures

    def _judged(
        self,
        request: GroupRequest,
        sampled: Sequence[SampledRollout],
        correct: Sequence[bool | None],
    ) -> JudgedGroup:
        rollouts = tuple(
            JudgedRollout(one, None if pruned(one) else right, float(bool(right)))
            for one, right in zip(sampled, correct, strict=True)
        )
        prompt = Prompt(_key(request.prompt_ids), KIND, "", "")
        return JudgedGroup(int(request.name), prompt, self._estimate(request.prompt_ids), rollouts)

    def _estimate(self, ids: tuple[int, ...]) -> float:
        return self.history.estimate(_key(ids), KIND)

    def push(self, engine: RolloutEngine) -> None:
        """The head of this moment into the engine, once it is needed."""
        if self.head is not None and self.rounds >= self.prune.cold_start:
            version = f"round-{self.rounds}"
            write_head(
                self._folder, self.head.head, self._facts, version=version, probes=self.prune.probes
            )
            engine.load_head(self._folder, version)

    def state(self) -> dict[str, Any]:
        """Everything; tensors and plain types."""
        return {
            "rounds": self.rounds,
            "history": asdict(self.history),
            "head": None if self.head is None else self.head.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.rounds = state["rounds"]
        self.history = SuccessHistory(**state["history"])
        if self.head is not None and state["head"] is not None:
            self.head.load_state(state["head"])


def pruned(rollout: SampledRollout) -> bool:
    return rollout.stop_reason == PRUNED_STOP_REASON


def _key(ids: tuple[int, ...]) -> str:
    return hashlib.blake2b(repr(ids).encode(), digest_size=12).hexdigest()
