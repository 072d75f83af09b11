"""What the README tells people to type exists."""

import re
from types import SimpleNamespace

import pytest

from arrol_serve.demo import QUESTIONS, show
from tests.paths import MODEL, ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", README))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_it_is_read_in_a_few_minutes() -> None:
    assert len(README.split()) <= 1000


def test_what_it_gains_comes_first_with_where_it_does_not() -> None:
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert titles[:3] == ["What it gains", "See it work", "Use it"]
    gains = README[README.index("## What it gains") : README.index("## See it work")]
    assert len(re.findall(r"^\| (?!what|-)", gains, re.MULTILINE)) == 5
    assert len(re.findall(r"!\[", gains)) == 1
    assert "1.8 million parameters" in gains
    assert "**Where it does not help.**" in gains


def test_the_named_size_is_that_of_the_bundled_model() -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(MODEL)
    assert f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} million" in README


def test_the_demo_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = blocks("text")
    lines = shown.splitlines()
    assert lines[0] in QUESTIONS
    arrol = {
        "samples": {"requested": 16, "finished": 8, "pruned": 8},
        "stop": "confidence",
        "tokens": {"generated": 1, "saved_estimate": 1},
        "votes": [{"answer": "4", "count": 1, "weight": 1.0}],
        "answer": "4",
        "confidence": 1.0,
        "latency_ms": 1,
    }
    message = SimpleNamespace(message=SimpleNamespace(content="2+2=4"))
    show(lines[0], SimpleNamespace(arrol=arrol, choices=[message]))
    printed = capsys.readouterr().out

    def labels(text: str) -> list[str]:
        return re.findall(r"^  ([a-z]+)  +\S", text, re.MULTILINE)

    assert labels(shown) == labels(printed) != []


def test_python_blocks_compile() -> None:
    found = blocks("python")
    assert found
    for block in found:
        compile(block, "README.md", "exec")


def test_the_results_are_those_of_the_result_files() -> None:
    from benchmarks.render.overview.headline import headline
    from benchmarks.table import MARKS

    found = MARKS.search(README)
    assert found
    assert found[0] == f"{found[1]}{headline()}{found[2]}", "run python -m benchmarks.table"


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
