"""Groups of adaptive size: the rest of a group is sampled where its first rollouts promise something.

A group whose first ones are all right or all wrong will seldom teach anything, so it is sampled in full only
with a known chance. Which one that is by a coin, never by what the rest would have been: with 1 / chance
(``correction = "ipw"``) the gradient is on average that of groups that all were sampled in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.groups.judged import JudgedGroup
from trainer.sections import RolloutSection
from trainer.seeds import seed_for

REST = "+"
"""What the name of a group's second part ends with, in the engine."""


def parts(options: RolloutSection) -> tuple[int, int]:
    """Rollouts of a group that are asked for at first, and those that may follow."""
    first = options.first or options.samples
    return first, options.samples - first


def chance_of_rest(group: JudgedGroup, options: RolloutSection) -> float:
    """The probability that the rest of a group is sampled, given its first part."""
    return 1.0 if group.mixed else options.flat_chance


def goes_on(group: JudgedGroup, options: RolloutSection, seed: int) -> bool:
    chance = chance_of_rest(group, options)
    return chance == 1 or seed_for(seed, "rest", group.number) < chance * 2**48


def completed(
    groups: Sequence[JudgedGroup], rest: Mapping[int, JudgedGroup], options: RolloutSection
) -> list[JudgedGroup]:
    """First parts with what followed, by number; those that nothing followed are not ``whole``."""
    found = []
    for group in groups:
        if group.number not in rest:
            found.append(replace(group, whole=False))
            continue
        chance, first = chance_of_rest(group, options), len(group.rollouts)
        added = tuple(
            replace(
                one,
                sampled=replace(one.sampled, group=str(group.number), index=first + i),
                chance=chance,
            )
            for i, one in enumerate(rest[group.number].rollouts)
        )
        found.append(replace(group, rollouts=group.rollouts + added, chance=chance))
    return found


def one_group(record: FeatureRecord, first: int) -> FeatureRecord:
    """Recorded features with second parts counted on from the first ones."""
    found = FeatureRecord()
    for name, index, tokens, row in record.rows():
        later = name.endswith(REST)
        found.add(name.removesuffix(REST), index + (first if later else 0), tokens, row)
    return found
