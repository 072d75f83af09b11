"""Every setting of a training run, by the tables of its recipe."""

from trainer.sections.data import PLAIN_CHAT, ChatSection, DataSection
from trainer.sections.learning import AlgorithmSection, LoraSection, OptimSection
from trainer.sections.rewards import RewardSection
from trainer.sections.rollouts import SCORED, HeadSection, PruneMode, PruneSection, RolloutSection
from trainer.sections.run import CheckpointSection, EvalSection, LogSection, RunSection
from trainer.sections.section import Section
from trainer.sections.sync import SyncSection

__all__ = [
    "PLAIN_CHAT",
    "SCORED",
    "AlgorithmSection",
    "ChatSection",
    "CheckpointSection",
    "DataSection",
    "EvalSection",
    "HeadSection",
    "LogSection",
    "LoraSection",
    "OptimSection",
    "PruneMode",
    "PruneSection",
    "RewardSection",
    "RolloutSection",
    "RunSection",
    "Section",
    "SyncSection",
]
