"""Prometheus metrics of searches, on the registry that vLLM's /metrics already serves."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REQUESTS = Counter("arrol_requests", "Searches by how they stopped", ["stop"])
CANDIDATES = Counter("arrol_candidates", "Candidates by fate", ["fate"])
TOKENS = Counter("arrol_generated_tokens", "Tokens generated in searches, by fate", ["fate"])
SAVED = Counter("arrol_tokens_saved_estimate", "Tokens that ended candidates did not generate")
TIMEOUTS = Counter("arrol_verifier_timeouts", "Answers not read or compared in time")
GROUPS = Gauge(
    "arrol_engine_groups",
    "Rollout groups alive in the engine when the last search ended",
    multiprocess_mode="livemostrecent",
)
