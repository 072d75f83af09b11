"""Accuracy on questions that are never trained on, with the engine as it stands."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.engines.base import GroupSampler
from trainer.engines.sampling import GroupRequest
from trainer.errors import ConfigError
from trainer.prompts.arithmetic import held_out_questions
from trainer.prompts.gym import GYM
from trainer.prompts.prompt import Prompt
from trainer.prompts.room import Room, with_room
from trainer.prompts.sources import open_source
from trainer.ranks import Ranks
from trainer.rewards.grader import Grader
from trainer.sections import PLAIN_CHAT, ChatSection, DataSection, EvalSection, RolloutSection
from trainer.seeds import seed_for

SEED = 77_000
"""Seed of the held-out questions, the same in every run."""


def held_out_prompts(options: EvalSection, data: DataSection, room: Room) -> list[Prompt]:
    """The questions, the same at every evaluation. Raises ``ConfigError`` for a bad file."""
    count = options.questions
    if options.source != "held_out":
        chosen = {"source": options.source, "split": options.split}
        source = with_room(open_source(data.model_copy(update=chosen), SEED), room)
        return [source.prompt(number) for number in range(count)]
    if data.source == GYM:
        source = with_room(open_source(data, SEED), room)
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


def held_out_accuracy(
    engine: GroupSampler,
    grader: Grader,
    prompts: Sequence[Prompt],
    samples: int,
    rollout: RolloutSection,
    ranks: Ranks | None = None,
    chat: ChatSection = PLAIN_CHAT,
) -> dict[str, float]:
    """Mean accuracy of ``samples`` unpruned rollouts a prompt, at the training temperature.

    A truncated one is wrong: served, it would have no vote.
    """
    ranks, numbered = ranks or Ranks(), list(enumerate(prompts))
    mine = ranks.share(numbered, first_only=bool(rollout.replicas))
    shares = ranks.all(lambda: _judged(engine, grader, mine, samples, rollout, chat))
    right = [verdict for part in shares for verdict in part]
    return {"eval/pass@1": sum(right) / len(right)}


def _judged(
    engine: GroupSampler,
    grader: Grader,
    numbered: Sequence[tuple[int, Prompt]],
    samples: int,
    rollout: RolloutSection,
    chat: ChatSection,
) -> list[bool]:
    """For each rollout whether it is right."""
    if not numbered:
        return []
    requests = [
        GroupRequest(
            name=f"eval-{i}",
            question=prompt.question,
            before=prompt.before,
            chat=chat,
            seed=seed_for(SEED, i),
            temperature=rollout.temperature,
        )
        for i, prompt in numbered
    ]
    groups = engine.sample(requests, samples, max_tokens=rollout.max_tokens)
    grades = grader.grade(
        [
            (sampled.text, prompt)
            for (_, prompt), group in zip(numbered, groups, strict=True)
            for sampled in group
        ]
    )
    sampled = [one for group in groups for one in group]
    return [grade.right and not one.truncated for grade, one in zip(grades, sampled, strict=True)]
