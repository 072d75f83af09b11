"""The pure kernel loads nothing heavy, seen from a fresh interpreter."""

import subprocess
import sys

KERNEL = (
    "arrol_serve.pruning.group",
    "arrol_serve.voting",
    "arrol_serve.answers.spec",
    "arrol_serve.rollout",
    "arrol_serve.sampling_plan",
    "arrol_serve.pipeline",
)


COMMANDS = ("trainer.cli", "trainer.evaluation.cli", "trainer.evaluation.tuning.options")


def test_help_needs_neither_torch_nor_vllm_nor_pictures() -> None:
    heavy = ("torch", "vllm", "matplotlib", "transformers", "datasets")
    code = f"import sys, {', '.join(COMMANDS)}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_kernel_loads_neither_torch_nor_vllm() -> None:
    code = f"import sys, {', '.join(KERNEL)}; print([m for m in ('torch', 'vllm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
