"""Accuracy on questions that are never trained on, with the engine as it stands."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.config import TrainConfig
from trainer.engines.base import GroupSampler
from trainer.engines.sampling import GroupRequest
from trainer.errors import ConfigError
from trainer.prompts.arithmetic import held_out_questions
from trainer.prompts.gym import GYM
from trainer.prompts.prompt import Prompt, PromptSource
from trainer.prompts.sources import open_source
from trainer.ranks import Ranks
from trainer.rewards.grader import Grader
from trainer.seeds import seed_for

SEED = 77_000
"""Of the held-out questions: the same in every run."""


def evaluation_prompts(config: TrainConfig) -> list[Prompt]:
    """The questions, the same at every evaluation. Raises ``ConfigError`` for a bad file."""
    count, data = config.eval.questions, config.data
    if config.eval.source != "held_out":
        chosen = {"source": config.eval.source, "split": config.eval.split}
        source: PromptSource = open_source(data.model_copy(update=chosen), SEED)
        return [source.prompt(number) for number in range(count)]
    if data.source == GYM:
        source = open_source(data, SEED)
        return [source.prompt(number) for number in range(count)]
    if data.source != "arithmetic":
        raise ConfigError(
            "eval.source: only generated questions can be held out; name a file or a dataset.",
            param="eval.source",
        )
    levels = data.levels
    share = -(-count // len(levels))
    pairs = [(level, *pair) for level in levels for pair in held_out_questions(SEED, share, level)]
    return [Prompt(text, f"level {level}", text, gold) for level, text, gold in pairs[:count]]


def evaluate(
    engine: GroupSampler,
    grader: Grader,
    prompts: Sequence[Prompt],
    config: TrainConfig,
    ranks: Ranks | None = None,
) -> dict[str, float]:
    """Mean accuracy of single unpruned rollouts, at the training temperature."""
    ranks, numbered = ranks or Ranks(), list(enumerate(prompts))
    mine = ranks.share(numbered, first_only=bool(config.rollout.replicas))
    told = ranks.all(lambda: _judged(engine, grader, mine, config))
    right = [verdict for part in told for verdict in part]
    return {"eval/pass@1": sum(right) / len(right)}


def _judged(
    engine: GroupSampler,
    grader: Grader,
    numbered: Sequence[tuple[int, Prompt]],
    config: TrainConfig,
) -> list[bool]:
    """Of each rollout whether it is right."""
    if not numbered:
        return []
    samples = config.eval.samples
    requests = [
        GroupRequest(
            name=f"eval-{i}",
            question=prompt.question,
            seed=seed_for(SEED, i),
            temperature=config.rollout.temperature,
        )
        for i, prompt in numbered
    ]
    groups = engine.sample(requests, samples, max_tokens=config.rollout.max_tokens)
    grades = grader.grade(
        [
            (rollout.text, prompt)
            for (_, prompt), group in zip(numbered, groups, strict=True)
            for rollout in group
        ]
    )
    return [g.value is not None and g.value >= config.reward.threshold for g in grades]
