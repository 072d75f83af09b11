"""One step in numbers. Pure: judged groups and an update's report in, a row of metrics out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from trainer.groups.judged import JudgedGroup, JudgedRollout
from trainer.policy.batch import TrainRow
from trainer.policy.report import UpdateReport
from trainer.rewards.parts import PROBLEMS

BUCKETS = {"hard": (0.0, 1 / 3), "medium": (1 / 3, 2 / 3), "easy": (2 / 3, 1.01)}
"""Bounds of a prompt's success rate, estimated from survivors weighted by 1 / propensity."""


def success_rate(group: JudgedGroup) -> tuple[float, float]:
    """Weighted successes and rollouts of a group: what they would have been without pruning."""
    weights = [1 / rollout.propensity for rollout in group.survivors]
    right = [w for w, r in zip(weights, group.survivors, strict=True) if r.correct]
    return float(sum(right)), float(sum(weights))


def tokens_generated(groups: Sequence[JudgedGroup]) -> int:
    return sum(rollout.sampled.token_count for group in groups for rollout in group.rollouts)


def rollout_metrics(groups: Sequence[JudgedGroup]) -> dict[str, float | None]:
    """Rewards, survival and what pruning did to the groups."""
    every = [rollout for group in groups for rollout in group.rollouts]
    survivors = [rollout for group in groups for rollout in group.survivors]
    pruned = [rollout for rollout in every if rollout.pruned]
    counts = np.array([success_rate(group) for group in groups]).sum(0)
    w = np.array([1 / rollout.propensity for rollout in survivors])
    at_risk = sum(bool(rollout.sampled.report.get("probes")) for rollout in every)
    problems = Counter(rollout.problem for rollout in every)
    row: dict[str, float | None] = {
        "reward": float(counts[0] / counts[1]) if counts[1] else None,
        "shaped_reward": _weighted([rollout.reward for rollout in survivors], w),
        "reward_var": float(np.mean([_variance(group) for group in groups])),
        "kept": 1 - len(pruned) / len(every),
        "kept_at_risk": 1 - len(pruned) / at_risk if at_risk else None,
        "ess": float(w.sum() ** 2 / (len(w) * (w**2).sum())) if len(w) else None,
        "groups": len(groups),
        "groups_mixed": sum(group.mixed for group in groups),
        "groups_whole": sum(group.whole for group in groups),
        "groups_lost_to_pruning": sum(_perhaps_lost(group) for group in groups),
        "no_verdict": len(every) - len(pruned) - len(survivors),
        **{f"reward_problems/{name}": problems[name] for name in PROBLEMS},
        "truncated": float(np.mean([rollout.sampled.truncated for rollout in every])),
        "tokens_generated": tokens_generated(groups),
        **_lengths(survivors, w),
        "entropy": _entropy(survivors, w),
    }
    for name in sorted({name for rollout in survivors for name in rollout.parts}):
        having = [rollout for rollout in survivors if name in rollout.parts]
        w = np.array([1 / rollout.propensity for rollout in having])
        row[f"reward/{name}"] = _weighted([rollout.parts[name] for rollout in having], w)
    for name, (low, high) in BUCKETS.items():
        inside = [group for group in groups if low <= _rate(group) < high]
        kept = [bool(rollout.correct) for group in inside for rollout in group.survivors]
        row[f"kept_positive/{name}"] = float(np.mean(kept)) if kept else None
        alive = [not rollout.pruned for group in inside for rollout in group.rollouts]
        row[f"kept/{name}"] = float(np.mean(alive)) if alive else None
    return row


def update_metrics(rows: Sequence[TrainRow], report: UpdateReport) -> dict[str, float | None]:
    """Loss, gradients and how far engine and trainer were apart."""
    steps = max(1, report.steps)
    row: dict[str, float | None] = {
        "rollouts_trained": len(rows),
        "tokens_trained": sum(len(row.token_ids) for row in rows),
        "loss": report.loss / steps,
        "grad_norm": report.grad_norm / steps,
        "clip_fraction": report.clipped / report.terms if report.terms else None,
        "lr": report.lr,
        "skipped_steps": float(report.skipped),
        "old_from_engine": report.from_engine,
        "out_of_memory": report.out_of_memory,
        "tokens_per_pass": report.tokens_per_pass,
        "mismatch_kl": None,
        "mismatch_max": None,
        **report.clock.phases(),
    }
    if report.mismatch:
        d = torch.cat(report.mismatch).double().nan_to_num(nan=0.0)
        row["mismatch_kl"] = (d.exp() - d - 1).mean().item()
        row["mismatch_max"] = d.abs().max().item()
    return row


def _weighted(values: Sequence[float], weights: np.ndarray) -> float | None:
    return float(np.dot(values, weights) / weights.sum()) if len(values) else None


def _lengths(survivors: Sequence[JudgedRollout], weights: np.ndarray) -> dict[str, float | None]:
    tokens = np.array([rollout.sampled.token_count for rollout in survivors], dtype=float)
    right = np.array([bool(rollout.correct) for rollout in survivors], dtype=bool)
    found: dict[str, float | None] = {"length": _weighted(tokens.tolist(), weights)}
    for name, part in (("right", right), ("wrong", ~right)):
        found[f"length/{name}"] = _weighted(tokens[part].tolist(), weights[part])
    return found | {"length/longest": float(tokens.max()) if len(tokens) else None}


def _entropy(survivors: Sequence[JudgedRollout], weights: np.ndarray) -> float | None:
    """Nats a token. Tokens are drawn from the policy, so -log p of what came estimates its entropy."""
    logs = [rollout.sampled.logprobs for rollout in survivors]
    tokens = np.array([len(row) for row in logs], dtype=float)
    spent = np.array([-float(np.nansum(row)) for row in logs])
    total = float(weights @ tokens) if len(logs) else 0.0
    return float(weights @ spent) / total if total else None


def _rate(group: JudgedGroup) -> float:
    right, total = success_rate(group)
    return right / total if total else group.estimate


def _variance(group: JudgedGroup) -> float:
    """Variance of the verdicts among survivors: what the policy gradient lives on."""
    verdicts = [float(bool(rollout.correct)) for rollout in group.survivors]
    return float(np.var(verdicts)) if verdicts else 0.0


def _perhaps_lost(group: JudgedGroup) -> bool:
    """Without signal, and some were pruned: nobody knows whether those would have given one."""
    return not group.mixed and any(rollout.pruned for rollout in group.rollouts)
