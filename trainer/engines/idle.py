"""What the other ranks have where the first one alone drives replicas: an engine that is never asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.base import EnginePart
from trainer.engines.sampling import GroupRequest, SampledRollout


class IdleEngine:
    """A ``RolloutEngine`` without parts, and the client of a weight transfer to nobody."""

    name = "no engine"
    world_size = 0

    @property
    def client(self) -> IdleEngine:
        return self

    def sample(
        self, groups: Sequence[GroupRequest], *_: Any, **_options: Any
    ) -> list[list[SampledRollout]]:
        """Raises ``RuntimeError`` where something is asked for."""
        if groups:
            raise RuntimeError(f"{len(groups)} groups were given to a rank without an engine")
        return []

    def parts(self) -> Sequence[EnginePart]:
        return ()

    @contextmanager
    def updating(self, *_: Any) -> Iterator[None]:
        yield

    def _nothing(self, *_: Any, **_options: Any) -> None:
        pass

    init_weight_transfer_engine = start_weight_update = update_weights = _nothing
    finish_weight_update = load_head = sleep = close = _nothing

    def take_features(self) -> FeatureRecord:
        return FeatureRecord()
