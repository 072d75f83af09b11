"""When pruning and weighting help, break even or hurt: ``python -m benchmarks simulate``.

No engine: synthetic groups (``synthetic.py``) through the server's own survival and vote code. Two of the
populations are fitted to the bundled model (``results/groups.json``), whose measured points are laid over
their curves.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from arrol_serve.voting import VoteRule
from benchmarks.plots.simulation import simulation_plots
from benchmarks.record import read_result, write_result
from benchmarks.simulate.synthetic import (
    Groups,
    Population,
    area,
    draw,
    separation,
    solved,
    survivors,
)
from trainer.evaluation.reporting.statistics import bootstrap

AUCS = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
BEST_END = 0.99
"""No score at the end is taken to be better than this."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a group is pruned and counted. ``level``: at the token cost of the N unpruned."""

    keep: float | None
    rule: VoteRule
    random: bool = False
    level: bool = False

    def policy(self) -> dict[str, Any] | None:
        name = "random" if self.random else "top_fraction"
        return None if self.keep is None else {"name": name, "keep": self.keep}

    def cost(self, probe_share: float) -> float:
        """Tokens against no pruning: f + (1 - f) keep, f being the probe's share of the length."""
        return 1.0 if self.keep is None else probe_share + (1 - probe_share) * self.keep

    def started(self, samples: int, probe_share: float) -> int:
        """Rollouts that are started where the others start ``samples``."""
        return math.floor(samples / self.cost(probe_share)) if self.level else samples


METHODS: dict[str, Method] = {
    "unpruned, quality vote": Method(None, "quality"),
    "keep 0.5, uniform vote": Method(0.5, "uniform"),
    "keep 0.5, quality vote": Method(0.5, "quality"),
    "keep 0.25, quality vote": Method(0.25, "quality"),
    "random 0.5, uniform vote": Method(0.5, "uniform", random=True),
    "keep 0.5 of more, quality vote": Method(0.5, "quality", level=True),
}
"""All but the last start N rollouts."""


def end_of(probe: float, ratio: float) -> float:
    """The AUC at the end: ``ratio`` times the probe's separation."""
    return min(BEST_END, area(ratio * separation(probe)))


def outcomes(groups: Groups, probe: float, end: float, method: Method, count: int) -> Any:
    """[Q] how right the method is, 0 to 1, from the first ``count`` rollouts of each group."""
    at_probe, at_end = groups.logits(probe, end)
    found = []
    for seed, (answers, early, late) in enumerate(
        zip(groups.answers, at_probe, at_end, strict=True)
    ):
        left = survivors(early[:count], method.policy(), seed)
        found.append(solved(answers, late, left, method.rule))
    return np.array(found)


def curves(
    groups: Groups, samples: int, aucs: Sequence[float], ratio: float, probe_share: float
) -> list[dict[str, Any]]:
    """A row for each method: its gain over the uniform vote of N unpruned rollouts, at each AUC."""
    everyone = Method(None, "uniform")
    uniform = outcomes(groups, aucs[0], end_of(aucs[0], ratio), everyone, samples)
    rows = []
    for name, method in METHODS.items():
        count = method.started(samples, probe_share)
        gains = [outcomes(groups, a, end_of(a, ratio), method, count) - uniform for a in aucs]
        mean = [float(g.mean()) for g in gains]
        rows.append(
            {
                "samples": samples,
                "method": name,
                "started": count,
                "tokens_relative": count / samples * method.cost(probe_share),
                "uniform_vote": float(uniform.mean()),
                "gain": mean,
                "gain_interval": [bootstrap(g.tolist(), draws=1000) for g in gains],
                "break_even_auc": break_even(aucs, mean),
            }
        )
    return rows


def break_even(aucs: Sequence[float], gain: Sequence[float]) -> float | None:
    """Lowest AUC, interpolated, from which on the gain stays at 0 or above; None: not up to the last."""
    if gain[-1] < 0:
        return None
    below = [i for i, g in enumerate(gain) if g < 0]
    if not below:
        return aucs[0]
    i = below[-1]
    return aucs[i] + (aucs[i + 1] - aucs[i]) * -gain[i] / (gain[i + 1] - gain[i])


def fitted(row: Mapping[str, Any]) -> Population:
    """A population like the bundled model's groups."""
    return Population(row["pass@1"], row["concentration"], row["collision"], row["silent"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--samples", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--bases", type=float, nargs="+", default=[0.1, 0.25, 0.5])
    parser.add_argument("--collisions", type=float, nargs="+", default=[0.05, 0.5])
    parser.add_argument("--concentration", type=float, default=2.0, help="a + b over questions")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    models = read_result("groups").rows
    ratios = [
        separation(m["auc_end"]["value"]) / separation(m["auc_probe"]["value"]) for m in models
    ]
    probe_share = read_result("groups").settings["probe"] / models[0]["mean_length"]
    invented = [Population(b, args.concentration, c) for c in args.collisions for b in args.bases]
    jobs: list[tuple[str | None, Population, float, list[int]]] = [
        (None, population, ratios[0], args.samples) for population in invented
    ]
    jobs += [(m["result"], fitted(m), r, [16]) for m, r in zip(models, ratios, strict=True)]
    rows = []
    for name, population, ratio, counts in tqdm(jobs, unit="population"):
        most = math.ceil(max(counts) / METHODS["keep 0.5, quality vote"].cost(probe_share))
        groups = draw(args.seed, args.questions, most, population)
        for count in counts:
            origin = {"model": name, **asdict(population), "end_ratio": ratio}
            rows += [origin | row for row in curves(groups, count, AUCS, ratio, probe_share)]
    settings = {
        "questions": args.questions,
        "samples": args.samples,
        "bases": args.bases,
        "collisions": args.collisions,
        "concentration": args.concentration,
        "aucs": AUCS,
        "probe_share": probe_share,
        "models": models,
    }
    simulation_plots(write_result("simulation", settings, rows, seeds=[args.seed]))
