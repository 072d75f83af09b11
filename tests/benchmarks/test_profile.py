"""Samples of a profile are counted for the part of the program that they belong to."""

from __future__ import annotations

from benchmarks.profile_search import sort_out

FRONT = 'process 1:"python -m arrol_serve"'
ENGINE = f'{FRONT};process 2:"VLLM::EngineCore"'
STEP = "step (vllm/v1/engine/core.py:1);execute_model (arrol_serve/engine/plugin/worker.py:2)"


def test_the_innermost_known_frame_decides() -> None:
    linear = (
        "Qwen3MLP.forward (vllm/model_executor/models/qwen3.py:3);linear (torch/nn/functional.py:4)"
    )
    scored = (
        "HostFold.before (arrol_serve/engine/plugin/scoring/host_fold.py:5);copy_ (torch/x.py:6)"
    )
    raw = f"{ENGINE};{STEP};{linear} 7\n{ENGINE};{STEP};{scored} 2\n{ENGINE};{STEP} 1\n{ENGINE};f (a.py:1) 4"
    assert sort_out(raw) == {
        ("engine", "model"): 7,
        ("engine", "our scoring"): 2,
        ("engine", "our plans, reports and the rest"): 1,
        ("engine", "other"): 4,
    }


def test_who_waits_does_not_count() -> None:
    raw = f"{FRONT};run (threading.py:1);wait (threading.py:2) 9\n{FRONT};run (uvloop/__init__.py:3) 2"
    assert sort_out(raw) == {("front", "HTTP and event loop"): 2}
