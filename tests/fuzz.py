"""Schemathesis against a running server, from ``openapi.yaml``.

    arrol-serve &
    python -m tests.fuzz --url http://127.0.0.1:8000 --cases 10000

Requests come from the document, valid ones and broken ones. A finding is a 5xx, or a response that the
document does not describe: status, content type, headers or body.
"""

from __future__ import annotations

import argparse
import collections
import sys
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
import yaml  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from tqdm import tqdm

DOCUMENT = Path(__file__).parents[1] / "openapi.yaml"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
BOTH = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
OPERATIONS: dict[tuple[str, str], tuple[float, tuple[GenerationMode, ...]]] = {
    ("/v1/chat/completions", "POST"): (0.45, BOTH),
    ("/v1/completions", "POST"): (0.45, BOTH),
    ("/v1/models/{name}", "GET"): (0.1, BOTH[:1]),  # no name is invalid
}
"""Route -> share of the cases, and what kinds."""
SMALL = {"max_tokens": 4, "max_completion_tokens": 4, "min_tokens": 2, "n": 3, "best_of": 3}
"""Numbers that are lowered to these: what is tested is the form, not the engine's stamina."""


@dataclass
class Findings:
    """What came of it."""

    cases: int = 0
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)


def fuzz(url: str, key: str, cases: int, number: int = 0, model: str = "arrol-tiny") -> Findings:
    """About ``cases`` generated requests; ``number`` seeds them."""
    load_all_checks()
    schema = schemathesis.openapi.from_dict(yaml.safe_load(DOCUMENT.read_text()))
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    found = Findings()
    with tqdm(total=cases, disable=not sys.stderr.isatty(), unit="request") as bar:
        for operation, mode, share in _parts(schema, cases):

            @seed(number)
            @settings(
                max_examples=share,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                _make_small(case, model)
                headers = {"authorization": f"Bearer {key}"}
                response = case.call(base_url=url, headers=headers, timeout=60)
                found.cases += 1
                found.statuses[response.status_code] += 1
                bar.update()
                try:
                    case.validate_response(response, checks=checks)
                except Exception as failure:  # noqa: BLE001  # collected, so that all are seen at once
                    found.failures.append(f"{case.operation.label}: {failure}")

            ask()
    return found


def _parts(schema: Any, cases: int) -> Iterator[tuple[Any, GenerationMode, int]]:
    for (path, method), (share, modes) in OPERATIONS.items():
        for mode in modes:
            yield schema[path][method], mode, round(cases * share / len(modes))


def _make_small(case: Any, model: str) -> None:
    """Cheap to answer, and most often for a model that is there."""
    body = case.body
    if not isinstance(body, dict):
        return
    for name, most in SMALL.items():
        value = body.get(name)
        if isinstance(value, int) and value > most:
            body[name] = most
    if body.get("max_tokens") is None and body.get("max_completion_tokens") is None:
        body["max_tokens"] = SMALL["max_tokens"]
    options = body.get("arrol")
    if isinstance(options, dict):
        for name in ("samples", "budget"):
            if isinstance(options.get(name), int) and options[name] > 4:
                options[name] = 4
    if (
        isinstance(body.get("model"), str)
        and zlib.crc32(body["model"].encode("utf-8", "replace")) % 5
    ):
        body["model"] = model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default="none")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    try:
        urllib.request.urlopen(f"{asked.url}/health", timeout=10).close()  # the user's own
    except OSError as error:
        raise SystemExit(
            f"No server answers at {asked.url} ({error}): start `arrol-serve`, or give its --url."
        ) from None
    found = fuzz(asked.url, asked.key, asked.cases, asked.seed)
    print(f"{found.cases} cases, statuses {dict(sorted(found.statuses.items()))}")
    for failure in found.failures[:20]:
        print(failure)
    print(f"{len(found.failures)} findings")
    raise SystemExit(bool(found.failures))


if __name__ == "__main__":
    main()
