"""Other layers' hidden states as the head's input, compared on kept rollouts: for the report only.

The engine records the last layer. What another one would be worth is computed again by transformers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from arrol_serve.errors import InvalidRequest
from trainer.head_data import HeadData
from trainer.head_job import HeadJob
from trainer.head_training import FitOptions, fit_head, report, split_groups
from trainer.recompute import Recomputer
from trainer.rollout_files import load_rollouts

INPUTS = {"layer {} and statistics": ("hidden", "statistics"), "layer {} only": ("hidden",)}


def check_layers(layers: Iterable[int], depth: int) -> None:
    """Raise ``InvalidRequest`` for layers that a model of ``depth`` does not have."""
    for layer in layers:
        if not 0 <= layer < depth:
            raise InvalidRequest(
                f"--layers: the model has {depth} layers, so {layer} is none of 0 (the embedding) to "
                f"{depth - 1}; the last one is always compared."
            )


def compare_layers(
    data: HeadData, job: HeadJob, hidden_size: int, shares: Sequence[float]
) -> dict[str, dict[str, dict[str, float]]]:
    """Test reports of heads on each of ``job.layers``, with and without statistics.

    Split and fitted like the others. Raises ``BrokenShard`` where rollouts are missing.
    """
    if not job.layers:
        return {}
    features = _features(data, job)
    reports = {}
    for place, layer in enumerate(job.layers):
        at = place * hidden_size
        columns = np.r_[at : at + hidden_size, len(job.layers) * hidden_size : features.shape[1]]
        fit, calibrate, test = split_groups(
            replace(data, features=features[:, columns]), shares, job.seed
        )
        for name, inputs in INPUTS.items():
            head = fit_head(fit, calibrate, hidden_size, FitOptions(inputs=inputs, seed=job.seed))
            reports[name.format(layer)] = report(head, test, hidden_size, job.positions)
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
