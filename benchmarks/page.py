"""Fills the blocks of docs/benchmarks.md from the result files: ``python -m benchmarks.page``.

The text around the blocks is written by hand; the blocks hold every figure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import partial

from benchmarks.__main__ import ALL
from benchmarks.record import RESULTS, read_result
from benchmarks.render.accuracy import accuracy, limits
from benchmarks.render.answers import answers
from benchmarks.render.behaviour import behaviour
from benchmarks.render.gpu import gpu
from benchmarks.render.gradient_noise import gradient_noise
from benchmarks.render.group_signal import group_signal
from benchmarks.render.latency import latency
from benchmarks.render.load import load
from benchmarks.render.overview.goals import goals
from benchmarks.render.overview.paper import paper
from benchmarks.render.plugin_cost import plugin_cost
from benchmarks.render.presets import presets
from benchmarks.render.profile_search import profile_search
from benchmarks.render.progress_cost import progress_cost
from benchmarks.render.scaling import scaling, step_time
from benchmarks.render.serving import serving
from benchmarks.render.simulation import groups, simulation
from benchmarks.render.soak import soak
from benchmarks.render.training import training
from benchmarks.render.trl import trl
from benchmarks.render.unpruned import unpruned
from benchmarks.render.words import listed

PAGE = RESULTS.parent.parent / "docs" / "benchmarks.md"
BLOCK = re.compile(r"(<!-- result: (\w+) -->\n).*?(<!-- end of result -->)", re.DOTALL)


def runs() -> str:
    """Where every result comes from."""
    lines = ["| result | command | machine | date | commit | seeds |", "|---|---|---|---|---|---|"]
    notes = []
    for name in result_names():
        result = read_result(name)
        made = result.provenance
        seeds = listed(result.seeds) or "none needed"
        sha = (made.git_sha or "unknown")[:9]
        lines.append(
            f"| {name} | `{made.command}` | {made.place} | {made.date} | {sha} | {seeds} |"
        )
        notes += [f"{name}: {result.note}"] if result.note else []
    return "\n\n".join(["\n".join(lines), *notes, f"Versions: {_versions()}."])


def _versions() -> str:
    """Each set of versions once, with the results that it made if there are several."""
    sets: dict[str, list[str]] = {}
    for name in result_names():
        used = read_result(name).provenance.versions
        sets.setdefault(", ".join(f"{p} {v}" for p, v in used.items()), []).append(name)
    if len(sets) == 1:
        return next(iter(sets))
    return "; ".join(f"{', '.join(names)}: {used}" for used, names in sets.items())


def result_names() -> list[str]:
    """Every result file."""
    return sorted(path.stem for path in RESULTS.glob("*.json"))


RENDERERS: dict[str, Callable[[], str]] = {
    "goals": goals,
    "runs": runs,
    "accuracy": accuracy,
    "accuracy_t1": limits,
    "presets": presets,
    "presets_t1": partial(presets, name="presets_t1"),
    "groups": groups,
    "simulation": simulation,
    "step_time": step_time,
    "answers": answers,
    "behaviour": behaviour,
    "gpu": gpu,
    "serving": serving,
    "serving_presets": partial(serving, name="serving_presets"),
    "scaling": scaling,
    "plugin_cost": plugin_cost,
    "progress_cost": progress_cost,
    "unpruned": unpruned,
    "profile_search": profile_search,
    "latency": latency,
    "load": load,
    "soak": soak,
    "training": training,
    "training_probes": partial(training, name="training_probes"),
    "training_generate": partial(training, name="training_generate"),
    "training_last_tokens": partial(training, name="training_last_tokens"),
    "training_batch": partial(training, name="training_batch"),
    "training_evidence": partial(training, name="training_evidence"),
    "training_sparse": partial(training, name="training_sparse"),
    "gradient_noise": gradient_noise,
    "group_signal": group_signal,
    "trl": trl,
    "paper": paper,
}
"""Block -> its text, Markdown with links from the repository's root."""


def render(page: str) -> str:
    """``page`` with every block filled anew, or with the command where nothing was measured yet.

    ``KeyError`` for a block that nothing fills.
    """

    def fill(found: re.Match[str]) -> str:
        text = _text(found[2]).replace("](benchmarks/", "](../benchmarks/")
        return f"{found[1]}{text}\n{found[3]}"

    return BLOCK.sub(fill, page)


def _text(name: str) -> str:
    command = next((words for words in ALL if words[0] == name or words[-1] == name), None)
    if command is not None and name not in result_names():
        return f"Not measured yet: `python -m benchmarks {shlex.join(command)}`."
    return RENDERERS[name]()


def main() -> None:
    PAGE.write_text(render(PAGE.read_text()))


if __name__ == "__main__":
    main()
