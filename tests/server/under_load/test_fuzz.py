"""What the OpenAPI document says is what the server does, for thousands of requests made from it."""

from __future__ import annotations

import httpx
import pytest

from arrol_serve.api.document.examples import CHAT, COMPLETION
from tests.fuzz import fuzz
from tests.server.conftest import Server

CASES = 2000


@pytest.mark.timeout(1800)
def test_requests_made_from_the_document_find_no_fault(server: Server) -> None:
    found = fuzz(server.url, server.key, CASES)
    assert found.failures == [], "\n".join(found.failures[:5])
    assert found.cases >= CASES
    assert found.statuses[200] > CASES / 20, "it hardly ever gets past validation"
    assert found.statuses[400] > CASES / 4
    assert set(found.statuses) <= {200, 400, 404}
    server.wait_idle(60)


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat/completions", example["value"]) for example in CHAT.values()]
    + [("/v1/completions", example["value"]) for example in COMPLETION.values()],
)
def test_the_documents_examples_work(server: Server, path: str, body: dict[str, object]) -> None:
    headers = {"authorization": f"Bearer {server.key}"}
    reply = httpx.post(f"{server.url}{path}", json=body, headers=headers, timeout=120)
    assert reply.status_code == 200, reply.text
    assert ("arrol" in body or "prune16" in str(body["model"])) == ('"arrol"' in reply.text)
