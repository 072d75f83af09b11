"""What each figure of ``metrics.jsonl`` is: for docs/training.md. A test holds real runs to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\b[A-Z]+\b")
SAMPLED: Mapping[str, str] = {
    "step": "steps done; 0: before the first",
    "time": "when the row was written, UTC",
    "reward": "share of right rollouts, as it would be without pruning (survivors count 1 / propensity)",
    "shaped_reward": "mean reward, counted likewise",
    "reward/NAME": "mean of one reward function where it applies, survivors counted 1 / propensity",
    "reward_var": "variance of the verdicts within a group, mean over groups",
    "kept": "share of the rollouts that was not pruned",
    "kept_at_risk": "the same of those that came to a probe",
    "kept/DIFFICULTY": "`kept` of prompts that are hard, medium or easy (success below 1/3, 2/3, above)",
    "kept_positive/DIFFICULTY": "share of right ones among their survivors",
    "ess": "effective share of the survivors under their weights 1 / propensity",
    "groups": "prompts sampled, refills of dynamic sampling among them",
    "groups_mixed": "those with right and wrong survivors, which have signal",
    "groups_whole": "those sampled in full; fewer than `groups` with `rollout.first`",
    "groups_lost_to_pruning": "those without signal of which some were pruned",
    "no_verdict": "rollouts neither pruned nor judged, left out",
    "reward_problems/REASON": "those among them whose reward function failed, by how",
    "truncated": "share of the rollouts cut off at `rollout.max_tokens`",
    "length": "mean tokens of a rollout, survivors counted 1 / propensity",
    "length/right": "the same of right ones",
    "length/wrong": "the same of wrong ones",
    "length/longest": "tokens of the longest",
    "entropy": "nats a token: mean of -log p of the sampled tokens, an unbiased estimate at "
    "`rollout.temperature`, survivors counted 1 / propensity",
    "tokens_generated": "tokens sampled, those of pruned rollouts too",
    "tokens_per_s": "the same per second of `seconds/generate`",
    "off_policy": "steps since the rollouts' weights",
}
UPDATED: Mapping[str, str] = {
    "rollouts_trained": "rollouts in the update",
    "tokens_trained": "their tokens",
    "loss": "mean over optimizer steps",
    "grad_norm": "before clipping, likewise",
    "clip_fraction": "share of the tokens whose ratio was clipped",
    "lr": "learning rate",
    "skipped_steps": "optimizer steps left out, their gradient not being finite",
    "old_from_engine": "share of the rollouts whose old log-probabilities are the engine's",
    "out_of_memory": "how often passes were made again with fewer tokens",
    "tokens_per_pass": "what passes keep to in the end: `optim.tokens_per_pass`, or what fitted",
    "mismatch_kl": "k3 distance of engine and trainer, nats a token",
    "mismatch_max": "largest difference of one token, nats",
    "sync_gap": "difference of engine and trainer after the sync, nats a token, mean over "
    "`sync.probe_tokens`; what `sync.max_gap` is for",
    "sync_gap_max": "the same of the token that differs most",
    "sync_exact": "1: all weights were compared bit by bit",
    "sync_bytes": "sent to each engine: of all weights, or of adapters alone",
    "seconds/PHASE": "wall-clock time: generate, reward, logprob, update, head, sync, eval; `total` is the "
    "step's without eval",
    "seconds_cpu/PHASE": "the same of this process on processors: less than wall-clock where others work too",
}
HEAD: Mapping[str, str] = {
    "head/auc": "at the probes, on rollouts that the head had not learned from",
    "head/auc_within_group": "the same among siblings",
    "head/ece": "its calibration error there",
    "head/accuracy": "share that it calls right or wrong as they are",
    "head/loss": "of its own optimizer",
}
EVALUATED: Mapping[str, str] = {
    "eval/pass@1": "mean over all `eval.samples` replies and questions: avg@N",
    "eval/pass@1_error": "its standard error, over questions",
    "eval/pass@N": "share of the questions with a right reply among N (`eval.samples`)",
    "eval/maj@N": "share that a uniform vote answers right, ties by lot",
    "eval/weighted@N": "share that the vote by the head answers right, calibrated as an export would be; "
    "from `prune.cold_start` on",
    "eval/truncated": "share of the replies cut off, which count as wrong",
    "eval/length": "mean tokens of a reply",
    "eval/SET/pass@1": "and so on: one of several `eval.sources`; without a name it is the sets' mean then",
}
METRICS: Mapping[str, Mapping[str, str]] = {
    "Rollouts": SAMPLED,
    "Update and engine": UPDATED,
    "Quality head": HEAD,
    "Evaluation": EVALUATED,
}


def documented(key: str) -> str | None:
    """The documented name of a figure; None: it has none. Words in capitals stand for others."""
    for names in METRICS.values():
        if key in names:
            return key
    for names in METRICS.values():
        for name in names:
            place = r"[\w.-]+/[^/]+" if name.startswith("eval/SET") else None
            pattern = f"eval/{place}" if place else PLACEHOLDER.sub("[^/]+", re.escape(name))
            if re.fullmatch(pattern, key):
                return name
    return None


def table() -> str:
    """For docs/training.md."""
    lines = []
    for title, names in METRICS.items():
        lines += [f"| {title} | |", "|---|---|"]
        lines += [f"| `{name}` | {text} |" for name, text in names.items()] + [""]
    return "\n".join(lines).rstrip()
