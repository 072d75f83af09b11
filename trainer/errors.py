"""Every error that training and evaluation raise on purpose; the commands print their messages and end.

Messages say what was wrong, where, and what to do.
"""

from __future__ import annotations

from arrol_serve.errors import ArrolError, complaint


class ConfigError(ArrolError, ValueError):
    """A recipe, an option or a folder that cannot work; ``param`` names the setting."""


class ModelError(ConfigError):
    """A model that this trainer would compute wrongly."""


class DataError(ConfigError):
    """A data set that cannot be used; the message names the file and the line."""


class SettingsChanged(ConfigError):
    """The folder holds an evaluation with other settings."""


class RecordError(ArrolError, ValueError):
    """A record file that cannot be trusted; the message names the file and the line."""


class BrokenShard(ArrolError, ValueError):
    """A file with rollouts cannot be read; the message names it."""


class ReplicaLost(ArrolError, RuntimeError):
    """A replica does not answer, or its engine is dead. Another one may do its work."""


class ReplicaRefused(ArrolError, RuntimeError):
    """A replica answered that it will not do it: it would say so again."""


class RewardLost(ArrolError, RuntimeError):
    """A reward server answers nothing, or nothing that is of use."""


class OutOfMemory(ArrolError, RuntimeError):
    """There is not enough memory for what cannot be made smaller."""


class RankFailed(ArrolError, RuntimeError):
    """Another rank ended, or ran into an error that is not ours to raise."""


class SyncFailed(ArrolError, RuntimeError):
    """After a sync the engine does not compute what the trainer computes."""


class NoRoom(ArrolError, RuntimeError):
    """Weights could not be written for the engines to read."""


class SaveFailed(ArrolError, RuntimeError):
    """A checkpoint could not be written; the one before is untouched."""


def one_line(error: Exception) -> str:
    """What it says, on one line; of pydantic's errors the messages alone."""
    details = getattr(error, "errors", None)
    said = "; ".join(complaint(d) for d in details()) if callable(details) else str(error)
    line = " ".join(said.split()) or type(error).__name__
    return line if len(line) <= 300 else line[:300] + "..."
