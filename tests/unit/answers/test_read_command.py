"""``arrol-serve read``, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arrol_serve.answers.command import read_command
from arrol_serve.errors import InvalidRequest


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arrol_serve", "read", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_a_reply_from_standard_input() -> None:
    done = run("--json", stdin="So it is \\boxed{\\frac12}.")
    assert json.loads(done.stdout) == {
        "answer": "\\frac12",
        "kind": "fraction",
        "canonical": "1/2",
        "why": "box",
    }


def test_two_replies_are_compared(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("The answer is 0.5.")
    (tmp_path / "b").write_text("<answer>1/2</answer>")
    shown = read_command([str(tmp_path / "a"), str(tmp_path / "b")])
    assert shown.endswith("equal: both are 1/2")
    assert "not equal" in read_command(["--text", "Answer: A", "--text", "Answer: B"])


def test_a_reply_without_an_answer_says_so() -> None:
    assert read_command(["--text", "Who knows?"]).startswith("answer     none\nwhy")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--extract", "first", "--text", "x"], "it must be one of auto"),
        (["/nowhere/at/all"], "/nowhere/at/all cannot be read"),
        (["--text", "a", "--text", "b", "--text", "c"], "one reply or two, got 3"),
    ],
)
def test_mistakes_are_named(arguments: list[str], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        read_command(arguments)


def test_mistakes_end_with_one_line_and_status_2() -> None:
    done = run("--extract", "regex:(", "--text", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("arrol-serve: arrol.answer.regex")


def test_it_starts_without_torch_vllm_and_sympy() -> None:
    code = (
        "import sys; from arrol_serve.answers.command import read_command; "
        "read_command(['--text', 'The answer is 1/2.']); "
        "print([m for m in ('torch', 'vllm', 'sympy', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
