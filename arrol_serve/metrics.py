"""Prometheus metrics of searches, on the registry that vLLM's /metrics already serves.

Every label has a closed set of values, but for the head's name and version: of those one at a time, or
with several server processes, where a series cannot be taken back, ``MOST_HEADS`` and then "other".
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
TOKENS_AT = tuple(2.0**n for n in range(3, 17))
MOST_HEADS = 16
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

REQUESTS = Counter(
    "arrol_requests",
    "Ended searches: answered, failed, refused or client_left",
    ["outcome", "stop"],
)
"""``stop``: why the sampling ended, of ``pipeline.StopCause``; "none" without an answer."""
CANDIDATES = Counter(
    "arrol_candidates",
    "Candidates: won, voted, no_answer, pruned, cancelled or truncated",
    ["fate"],
)
TOKENS = Counter("arrol_generated_tokens", "Tokens generated in searches, by fate", ["fate"])
SAVED = Counter("arrol_tokens_saved_estimate", "Tokens that ended candidates did not generate")
TIMEOUTS = Counter("arrol_verifier_timeouts", "Answers not read or compared in time")
AGREEMENT = Histogram("arrol_agreement", "The winner's share of the votes", buckets=SHARES)
CONFIDENCE = Histogram(
    "arrol_confidence", "P(the answer is right); without a head its share", buckets=SHARES
)
PRUNED_AT = Histogram(
    "arrol_pruned_at_tokens", "Tokens that a pruned candidate had generated", buckets=TOKENS_AT
)
VOTES = Histogram(
    "arrol_votes", "Votes with an answer in one search", buckets=(0, 1, 2, 4, 8, 16, 32, 64, 128)
)
WAVES = Histogram(
    "arrol_waves",
    "How often candidates were started in one search",
    buckets=(1, 2, 3, 4, 6, 8, 12, 16, 32),
)
SEARCH_SECONDS = Histogram("arrol_search_seconds", "From first candidate to vote", buckets=SECONDS)
VOTE_SECONDS = Histogram(
    "arrol_vote_seconds", "Reading and comparing the answers of one search", buckets=SECONDS
)
IN_FLIGHT = Gauge(
    "arrol_searches_in_flight", "Searches that have not ended", multiprocess_mode="livesum"
)
QUEUED = Gauge(
    "arrol_queued_requests", "Requests that wait for their turn", multiprocess_mode="livesum"
)
LOAD = Gauge(
    "arrol_admitted_load",
    "Engine-fulls of KV cache or places expected to be held by requests in the engine",
    multiprocess_mode="livesum",
)
QUEUE_SECONDS = Histogram(
    "arrol_queue_seconds", "From arrival to the engine, of requests that got there", buckets=SECONDS
)
REFUSED = Counter(
    "arrol_refused_requests",
    "Requests turned away: queue, wait, concurrency, requests, tokens, key or body",
    ["reason"],
)
for _reason in ("queue", "wait", "concurrency", "requests", "tokens", "key", "body"):
    REFUSED.labels(_reason)  # zero, not absent, before the first
GROUPS = Gauge(
    "arrol_engine_groups",
    "Rollout groups alive in the engine when the last search ended",
    multiprocess_mode="livemostrecent",
)
HEAD = Gauge(
    "arrol_head_info",
    "1 for the quality head that scored the last search",
    ["head", "version"],
    multiprocess_mode="livemostrecent",
)
