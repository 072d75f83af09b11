"""How much of a training step's gradient is signal: ``python -m benchmarks gradient_noise``.

Gradients of many steps' rollouts, all by the bundled model as it is. What two of them have in common is
signal, the rest is the noise of prompts and rollouts. Where nearly all is noise, rollouts that are left out
cost progress; where little is, they cost nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.bundled import MODEL
from benchmarks.groups import answer_of
from benchmarks.record import write_result
from benchmarks.training.arms import RECIPE, common
from trainer.config import TrainConfig, load_config
from trainer.engines.sampling import GroupRequest, SampledRollout, build_engine, sample_groups
from trainer.policy.advantages import group_advantages
from trainer.policy.batch import TrainRow, token_batch
from trainer.policy.model import PolicyModel, load_model
from trainer.policy.packing import pack
from trainer.prompts.arithmetic import EVALUATION_SEED, held_out_questions

SAMPLES = (16, 8, 4)
"""Of each group, so many rollouts are trained on: the first ones."""
FOLDS = 8
Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24, help="whose gradients are compared")
    parser.add_argument("--note", default="", help="what else is to be known of the measurement")
    args = parser.parse_args()
    changes = {key: value for key, value in common("dense").items() if not key.startswith("eval")}
    config = load_config(RECIPE, [f"{key}={value}" for key, value in changes.items()])
    groups = judged(config, args.steps)
    rows = [row(config, groups, samples) for samples in SAMPLES]
    settings = {
        "steps": args.steps,
        "prompts": config.rollout.prompts,
        "level": config.data.levels[0],
        "temperature": config.rollout.temperature,
    }
    write_result("gradient_noise", settings, rows, seeds=[EVALUATION_SEED], note=args.note)
    for one in rows:
        print(one)


Judged = tuple[Sequence[SampledRollout], Sequence[bool]]


def judged(config: TrainConfig, steps: int) -> list[Judged]:
    """A group of the longest size for each prompt of so many steps, and which of it is right."""
    options = config.rollout
    engine = build_engine(
        MODEL, sequences=options.sequences, max_model_len=options.max_model_len, dtype="float32"
    )
    asked = held_out_questions(EVALUATION_SEED, steps * options.prompts, config.data.levels[0])
    requests = [
        GroupRequest(str(i), question, seed=1000 * i, temperature=options.temperature)
        for i, (question, _) in enumerate(asked)
    ]
    size = max(SAMPLES)
    sampled = sample_groups(engine, requests, size, max_tokens=options.max_tokens, logprobs=True)
    return [
        (group, [equivalent(answer_of(one) or "", gold, "math") for one in group])
        for group, (_, gold) in zip(sampled, asked, strict=True)
    ]


def row(config: TrainConfig, groups: Sequence[Judged], samples: int) -> dict[str, Any]:
    """What steps have in common that train on ``samples`` rollouts of each group."""
    each = config.rollout.prompts
    batches = [groups[i : i + each] for i in range(0, len(groups), each)]
    model = PolicyModel(load_model(Path(MODEL)), torch.float32)
    found = np.stack(list(tqdm(gradients(model, config, batches, samples), total=len(batches))))
    share, error = signal(found)
    size = each * samples
    return {
        "samples": samples,
        "rollouts": size,
        "signal": share,
        "error": error,
        "noise_scale": size * (1 - share) / share,
    }


def gradients(
    model: PolicyModel, config: TrainConfig, batches: Sequence[Sequence[Judged]], samples: int
) -> Iterator[Floats]:
    """[weights], of each batch; as the trainer's before it has moved any weight."""
    for batch in batches:
        rows = [line for group in batch for line in lines(group, samples)]
        total = sum(len(line.token_ids) for line in rows)
        model.zero_grad()
        for places in pack([line.length for line in rows], config.optim.tokens_per_pass):
            part = token_batch([rows[i] for i in places])
            advantage = torch.tensor([rows[i].advantage for i in places])[part.row]
            loss = -(advantage * model(part, config.rollout.temperature)).sum() / total
            loss.backward()
        yield torch.cat([weight.grad.flatten() for weight in model.parameters()]).numpy()  # type: ignore[union-attr]


def lines(group: Judged, samples: int) -> list[TrainRow]:
    """The first ``samples`` rollouts, where they teach anything."""
    rollouts, right = group[0][:samples], group[1][:samples]
    found = group_advantages([float(one) for one in right], [1.0] * len(right))
    if found is None:
        return []
    return [
        TrainRow(one.prompt_ids, one.token_ids, one.logprobs, advantage, 1.0)
        for one, advantage in zip(rollouts, found.advantages, strict=True)
    ]


def signal(gradients: Floats) -> tuple[float, float]:
    """[steps, weights] -> share of a gradient's square that any two have in common, and its standard error.

    Squares in the metric of AdamW, which divides each weight's gradient by its root mean square.
    """
    size = np.sqrt((gradients**2).mean(0))
    scaled = gradients / np.sqrt(np.maximum(size, 1e-12 * size.max()))
    products = scaled @ scaled.T
    folds = np.arange(len(products)) % FOLDS
    parts = np.array([_share(products[np.ix_(folds != f, folds != f)]) for f in range(FOLDS)])
    error = np.sqrt((FOLDS - 1) * ((parts - parts.mean()) ** 2).mean())
    return _share(products), float(error)


def _share(products: Floats) -> float:
    """Mean product of two different ones over the mean square of one."""
    count, own = len(products), np.trace(products)
    return float((products.sum() - own) / (count - 1) / own)


if __name__ == "__main__":
    main()
