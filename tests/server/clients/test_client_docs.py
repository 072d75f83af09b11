"""Every program of docs/clients.md, with the real client in an environment of its own."""

from __future__ import annotations

import pytest

from tests.server.clients.client_docs import Example, NotInstallable, environment, examples, run
from tests.server.conftest import Server

EXAMPLES = examples()


def test_the_page_has_a_program_for_every_client() -> None:
    assert [example.title for example in EXAMPLES] == [
        "OpenAI, Python",
        "OpenAI, JavaScript",
        "Anthropic, Python",
        "OpenAI Agents SDK",
        "LangChain",
        "LiteLLM",
        "instructor",
        "pydantic-ai",
        "LlamaIndex",
        "Vercel AI SDK",
        "lm-eval",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])
def test_the_program_searches_and_reads_what_was_found(
    server: Server, example: Example, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        folder = environment(example, tmp_path_factory.getbasetemp() / "clients")
    except NotInstallable as error:
        pytest.skip(f"the client cannot be installed here: {error}")
    before = server.metric("arrol_candidates_total")
    printed = run(example, folder, server.url, server.key)
    assert server.metric("arrol_candidates_total") >= before + 8
    for line in filter(None, printed.splitlines()):
        assert "found:" not in line or line.split()[1] in ("41", "true", "false"), printed
    assert "found: " in printed
