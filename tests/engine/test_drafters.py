"""Drafts of EAGLE's and MTP's kind change how many tokens a step brings, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.drafting import DRAFTS, drafting
from tests.engine.figures import FIGURES, PROBES
from tests.engine.test_apart import flat, run_apart

LIMIT_S = 280
METHODS = ("eagle", "mtp")
RUNNERS = pytest.mark.parametrize("v2", ["0", "1"], ids=["V1 runner", "V2 runner"])
ON_GPU = tuple(figure for figure in FIGURES if figure != "recorded")
"""There nothing is recorded with drafts."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drafters")


def both(method: str, folder: Path, **environment: str) -> list[dict[str, Any]]:
    """Figures without drafts, and with them."""
    words = [method, str(folder / method)]
    return [
        run_apart(command, LIMIT_S, words=words, **environment)
        for command in ("without_drafts", "with_drafts")
    ]


@pytest.fixture(scope="module", params=METHODS)
def here(request: pytest.FixtureRequest, folder: Path) -> list[dict[str, Any]]:
    return both(request.param, folder)


def check_that_drafts_matter(plain: Mapping[str, Any], drafting: Mapping[str, Any]) -> None:
    """Some are taken and some are not, and probes lie inside what a step brings."""
    assert {now - before for before, now in plain["runs"]} <= {0, 1}
    sizes = {now - before for before, now in drafting["runs"]}
    assert {1, DRAFTS + 1} <= sizes
    assert any(before < probe < now for before, now in drafting["runs"] for probe in PROBES)
    assert any(reason == "arrol_pruned" for _, reason in drafting["ends"])


def close(figure: str) -> float:
    # The scores at probes are rounded, and may lie on either side of where that is done.
    return 1.1e-3 if figure == "probes" else 2e-4


@pytest.mark.parametrize("method", METHODS)
def test_vllm_takes_the_drafters_for_what_they_are(method: str, folder: Path) -> None:
    from vllm.engine.arg_utils import EngineArgs

    parts = drafting(method, folder / method)
    config = EngineArgs(
        str(parts.model), speculative_config=dict(parts.speculative_config)
    ).create_engine_config()
    found = config.speculative_config
    assert (found.method, found.num_speculative_tokens) == (method, DRAFTS)
    names = {"eagle": ["EagleLlamaForCausalLM"], "mtp": ["MiMoMTPModel"]}
    assert found.draft_model_config.architectures == names[method]
    assert not found.use_multi_module_mtp()


def test_drafts_are_taken_and_refused(here: list[dict[str, Any]]) -> None:
    check_that_drafts_matter(*here)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_greedy_figure_is_the_same_as_without_drafts(
    here: list[dict[str, Any]], figure: str
) -> None:
    ours, theirs = (flat(seen[figure]) for seen in here)
    assert ours
    assert theirs == pytest.approx(ours, abs=close(figure))


@pytest.mark.gpu
@RUNNERS
@pytest.mark.parametrize("method", ["ngram", *METHODS])
def test_on_a_gpu_too(method: str, v2: str, folder: Path) -> None:
    plain, drafting = both(method, folder, VLLM_USE_V2_MODEL_RUNNER=v2)
    if method != "ngram":
        check_that_drafts_matter(plain, drafting)
    for figure in ("tokens", "ends"):
        assert drafting[figure] == plain[figure]
    for figure in ON_GPU:
        assert flat(drafting[figure]) == pytest.approx(flat(plain[figure]), abs=1e-2)
