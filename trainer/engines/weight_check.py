"""Whether an engine holds the weights that were sent, bit by bit: log-probabilities in bfloat16 differ more
by rounding than by twenty small steps of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trainer.errors import SyncFailed


@dataclass(frozen=True, slots=True)
class Held:
    """Sums of bits (``arrol_serve.engine.plugin.weights.bits_sum``) by worker of one engine."""

    received: Sequence[int | None]
    """By worker, the sum of what it read in the last update; None: vLLM's own transfer does not say."""
    held: Sequence[int | None]
    """By worker, the sum of its parameters; None: some are packed away, as on CPUs."""


@dataclass(slots=True)
class WeightCheck:
    """What was received must be what was sent.

    An engine in another type, or with copies on several workers, holds another sum than the trainer's even
    when all is well. The first sync tells which kind it is; of such an engine the sum must at least change
    with the trainer's.
    """

    alike: dict[str, bool] = field(default_factory=dict)
    """By name of the engine, whether it holds what is sent as it is sent."""
    exact: bool = True
    """Whether every engine was compared bit by bit in the last sync."""
    _last: dict[str, tuple[int, Sequence[int | None]]] = field(default_factory=dict)
    """By name, the trainer's sum and the workers' after the sync before."""

    def compare(self, name: str, sent: int, found: Held, version: str) -> None:
        """After a sync of ``version``. Raises ``SyncFailed``."""
        before, self._last[name] = self._last.get(name), (sent, found.held)
        if before is None:
            self.alike[name] = set(found.held) == {sent}
        received, alike = None not in found.received, self.alike[name]
        self.exact = self.exact and (received or alike)
        if (received and set(found.received) != {sent}) or (alike and set(found.held) != {sent}):
            raise SyncFailed(
                f"After the sync of version {version} the weights of {name} are not the ones that were "
                "sent, bit by bit: it would sample from others than those that are trained. Look for a "
                "file system that shows old files, or another run that writes to the same engine."
            )
        known = None not in found.held
        if before is not None and known and sent != before[0] and found.held == before[1]:
            raise SyncFailed(
                f"The sync of version {version} has changed nothing in {name}, though the trained weights "
                "have changed. Look for a file system that shows old files."
            )
