"""What is compared: settings that all arms share, by regime, and what each arm changes of the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Changes = dict[str, Any]
"""Settings of the recipe by name."""

RECIPE = Path(__file__).parents[2] / "trainer" / "recipes" / "arithmetic.toml"
TURN = 15
COMMON: Changes = {
    "prune.cold_start": 5,
    "rollout.temperature": 1.7,
    "optim.lr": 3e-4,
    "optim.minibatches": 2,
    "algorithm.clip_high": 0.2,
    "eval.every": TURN,
    "eval.questions": 200,
    "eval.samples": 3,
    "eval.temperature": 1.7,
    "eval.keep_best": "",
    "checkpoint.every": TURN,
}
REGIMES: dict[str, Changes] = {
    "dense": {},
    "sparse": {"data.levels": [6, 7, 7], "rollout.prompts": 16, "eval.questions": 400},
}
"""What differs from ``COMMON``. ``sparse``: half of the unpruned groups are all right or all wrong, as the
paper has them: the bundled model solves hardly any question of level 7, and learns on level 6."""
DAPO: Changes = {
    "algorithm.clip_high": 0.28,
    "rollout.dynamic_rounds": 3,
    "reward.overlong_tokens": 32,
}
TUNED: Changes = {
    "rollout.batches": 4,
    "algorithm.old": "engine",
    "optim.tokens_per_pass": 16384,
}
"""What helps unpruned training as well, as in ``trainer/recipes/fast.toml``."""
ARMS: dict[str, Changes] = {
    "none": {"prune.mode": "none"},
    "random": {"prune.mode": "random"},
    "arrol": {"prune.mode": "arrol"},
    "arrol_signed": {"prune.mode": "arrol_signed", "prune.lam": 2.0},
    "both ends": {"prune.mode": "both_ends", "prune.lean": 0.5},
    "none, tuned": {"prune.mode": "none", **TUNED},
    "fast": {"prune.mode": "both_ends", "prune.lean": 0.5, **TUNED},
    "fast, probes alone": {
        "prune.mode": "both_ends",
        "prune.lean": 0.5,
        "head.last_tokens": False,
        **TUNED,
    },
    "arrol, on-policy, tuned": {
        "prune.mode": "arrol",
        **{key: value for key, value in TUNED.items() if key != "rollout.batches"},
    },
    "arrol, ipw": {"prune.mode": "arrol", "algorithm.correction": "ipw"},
    "arrol_signed, ipw": {
        "prune.mode": "arrol_signed",
        "prune.lam": 2.0,
        "algorithm.correction": "ipw",
    },
    "both ends, ipw": {
        "prune.mode": "both_ends",
        "prune.lean": 0.5,
        "algorithm.correction": "ipw",
    },
    "arrol, 8 by PODS": {
        "prune.mode": "arrol",
        "rollout.samples": 32,
        "algorithm.train_of_group": 8,
    },
    "arrol, keep 0.25 of 32": {
        "prune.mode": "arrol",
        "rollout.samples": 32,
        "prune.keep": 0.25,
    },
    "none, 8 samples": {"prune.mode": "none", "rollout.samples": 8},
    "8 first, ipw": {
        "prune.mode": "none",
        "rollout.first": 8,
        "algorithm.correction": "ipw",
    },
    "arrol, keep 0.25": {"prune.mode": "arrol", "prune.keep": 0.25},
    "arrol, keep 0.75": {"prune.mode": "arrol", "prune.keep": 0.75},
    "arrol, probe at 16": {"prune.mode": "arrol", "prune.probes": [16]},
    "arrol, probes at 16 and 32": {"prune.mode": "arrol", "prune.probes": [16, 32]},
    "DAPO, none": {"prune.mode": "none", **DAPO},
    "DAPO, arrol": {"prune.mode": "arrol", **DAPO},
}
"""What differs from the recipe; GRPO unless named DAPO, keep 0.5 and the probe at 32 unless named."""
BOTH = ("random", "arrol", "arrol, ipw", "arrol_signed, ipw", "both ends, ipw",
        "arrol, 8 by PODS", "arrol, keep 0.25 of 32", "none, 8 samples", "8 first, ipw")  # fmt: skip
"""Arms that are there tuned as well; ``both ends``, tuned, is ``fast``."""
ARMS |= {f"{arm}, tuned": {**ARMS[arm], **TUNED} for arm in BOTH}
RATES: dict[str, Changes] = {
    "double rate": {"optim.lr": 2 * COMMON["optim.lr"]},
    "falling rate": {"optim.lr": 1.5 * COMMON["optim.lr"], "optim.schedule": "linear"},
}
"""Whether a larger step makes up for fewer rollouts, and whether one that shrinks does."""
ARMS |= {
    f"{arm}, {name}": {**ARMS[arm], **changes}
    for arm in ("none, tuned", "arrol, tuned")
    for name, changes in RATES.items()
}


def common(regime: str) -> Changes:
    return COMMON | REGIMES[regime]
