"""One entry for all measurements: ``python -m benchmarks NAME [options]``, or ``all``."""

from __future__ import annotations

import runpy
import subprocess
import sys

SUITE: dict[str, str] = {
    "accuracy": "accuracy against tokens and time: vote rules, pruning, random pruning",
    "presets": "presets that really run against the uniform vote of 16 and 64, on fresh questions",
    "plugin_cost": "tokens/s of plain vLLM, the idle plugin, scoring on",
    "progress_cost": "tokens/s of a search that is watched, against the same one that is not",
    "unpruned": "our search beside vLLM's n=16 where nothing is pruned",
    "profile_search": "where the seconds of both go, part by part; by py-spy",
    "latency": "latency added to a plain request, time to ready",
    "groups": "what the bundled model's rollout groups are like, for the simulator",
    "simulate": "synthetic scores: when pruning and weighting help, break even or hurt",
    "behaviour": "what a client sees of each system: parameters, usage, votes, errors, streams",
    "serving": "one voted answer by every way: accuracy, tokens, goodput, time to first byte",
    "scaling": "cost of a pruned search against N, groups at once, length, probe and share kept",
    "step_time": "time of scoring and bookkeeping a step, against rows and hidden size",
    "load": "plain requests at once and beside searches, memory of waiting requests, beside vLLM",
    "soak": "a thousand random clients for minutes, of whom half leave: nothing lost or leaked",
    "training": "seconds a step, tokens and accuracy of pruned and unpruned training",
    "group_signal": "what ending whole groups at the probe could save in training",
    "gradient_noise": "how much of a training step's gradient is signal",
    "trl": "steps an hour, memory and accuracy of TRL's GRPOTrainer and ours",
}
"""Module of this package -> what it measures."""
ALL: tuple[tuple[str, ...], ...] = (
    ("accuracy",),
    ("accuracy", "--levels", "6", "7", "--temperature", "1", "--name", "accuracy_t1"),
    ("presets", "--setting", "levels 6 and 7, temperature 1", "--name", "presets_t1"),
    *((name,) for name in SUITE if name != "accuracy"),
    ("serving", "--share", "0.25", "--out", "runs/serving_presets", "--arms", "fast", "balanced",
     "arrol-serve, best", "its-hub", "majority", "--name", "serving_presets"),
    ("training", "--name", "training_probes", "--out", "runs/training_probes",
     "--arms", "none", "arrol", "arrol, probe at 16", "arrol, probes at 16 and 32"),
)  # fmt: skip
"""What ``all`` runs: every result file of the repository."""
ELSEWHERE = {
    "answers": "how well replies are read, beside other scorers; needs a file of replies",
    "gpu": "what our part costs on real shapes with random weights; needs a GPU to mean anything",
}
WRITERS = {
    "table": "write the README's results from the result files",
    "page": "write docs/benchmarks.md from the result files",
}


def usage() -> str:
    """The commands, one a line."""
    everything = {"all": "every measurement with its own settings, then table and page"}
    lines = [
        f"  {name:12s} {text}" for name, text in (SUITE | ELSEWHERE | WRITERS | everything).items()
    ]
    return "\n".join(["usage: python -m benchmarks NAME [options]", *lines])


def run_all() -> None:
    """Each in a process of its own, since an engine lives as long as its process."""
    for words in (*ALL, *((name,) for name in WRITERS)):
        print("benchmarks", *words, flush=True)
        if subprocess.run([sys.executable, "-m", "benchmarks", *words], check=False).returncode:
            raise SystemExit(f"benchmarks {' '.join(words)} failed; what ran before it is kept")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(usage())
        return
    name = sys.argv[1]
    if name == "all" and len(sys.argv) == 2:
        run_all()
        return
    if name not in SUITE | ELSEWHERE | WRITERS:
        raise SystemExit(f"there is no benchmark {name!r}\n{usage()}")
    sys.argv = [name, *sys.argv[2:]]
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
