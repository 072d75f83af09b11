"""Other layers' hidden states as the head's input, compared on kept rollouts: for the report only.

The engine records the last layer. What another one would be worth is computed again by transformers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from trainer.errors import ConfigError
from trainer.head.data import HeadData
from trainer.head.fit import FitOptions, fit_head, report, split_groups
from trainer.head.job import HeadJob
from trainer.head.recompute import Recomputer
from trainer.head.rollout_files import load_rollouts

INPUTS = {
    "layer {} only": (False, ("hidden",)),
    "layer {} and statistics": (False, ("hidden", "statistics")),
    "hidden, layer {} and statistics": (True, ("hidden", "statistics")),
}
"""What is compared for each layer: whether it stands beside the last one, and the head's inputs."""


def check_layers(layers: Iterable[int], depth: int) -> None:
    """Raise ``ConfigError`` for layers that a model of ``depth`` does not have."""
    for layer in layers:
        if not 0 <= layer < depth:
            raise ConfigError(
                f"--layers: the model has {depth} layers, so {layer} is none of 0 (the embedding) to "
                f"{depth - 1}; the last one is always compared."
            )


def compare_layers(
    data: HeadData,
    job: HeadJob,
    hidden_size: int,
    shares: Sequence[float],
    equals: Sequence[int],
) -> dict[str, dict[str, dict[str, float]]]:
    """Test reports of the heads in ``INPUTS`` for each of ``job.layers``.

    Split and fitted like the others. Raises ``BrokenShard`` where rollouts are missing.
    """
    if not job.layers:
        return {}
    features = _features(data, job)
    last, statistics = data.features[:, :hidden_size], features[:, len(job.layers) * hidden_size :]
    reports = {}
    for place, layer in enumerate(job.layers):
        mine = features[:, place * hidden_size : (place + 1) * hidden_size]
        for name, (beside, inputs) in INPUTS.items():
            columns = [last, mine, statistics] if beside else [mine, statistics]
            whole = replace(data, features=np.concatenate(columns, axis=1))
            fit, calibrate, test = split_groups(whole, shares, job.seed, equals)
            width = hidden_size * (2 if beside else 1)
            head = fit_head(fit, calibrate, width, FitOptions(inputs=inputs, seed=job.seed))
            reports[name.format(layer)] = report(head, test, width, job.positions)
    return reports


def _features(data: HeadData, job: HeadJob) -> np.ndarray:
    """[M, len(job.layers) * D + K] in the order of ``data``'s rows."""
    compute = Recomputer(job.model, job.layers).features
    places = zip(data.group.tolist(), data.rollout.tolist(), data.tokens.tolist(), strict=True)
    row_of = {place: row for row, place in enumerate(places)}
    table: list[np.ndarray] = [np.empty(0)] * len(row_of)
    for path in tqdm(sorted(job.work.glob("*.npz")), unit="shard", desc="other layers"):
        for group in load_rollouts(path.with_suffix(".jsonl"), job.samples):
            found = compute(group, job.positions)
            keys = zip(map(int, found.groups), found.indices, found.tokens, strict=True)
            for key, features in zip(keys, found.features, strict=True):
                if key in row_of:
                    table[row_of[key]] = features.numpy()
    return np.stack(table).astype(np.float32)
