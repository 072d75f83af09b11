"""GRPO with TRL 1.16, its rollouts pruned: python examples/trl/train.py OUT (two minutes on a CPU)."""

import sys

from datasets import Dataset
from trl import GRPOConfig

from arrol_serve.bundled import MODEL
from trainer.integrations.trl import ArrolGRPOTrainer

rows = [
    {"prompt": [{"role": "user", "content": f"What is {i}*7+{i}?"}], "gold": str(8 * i)}
    for i in range(11, 99)
]


def right(completions, gold, **_):
    return [
        float(answer in said[0]["content"]) for said, answer in zip(completions, gold, strict=True)
    ]


config = GRPOConfig(
    sys.argv[1], max_steps=4, num_generations=8, per_device_train_batch_size=32, max_completion_length=64,
    use_vllm=True, vllm_mode="colocate", vllm_max_model_length=256, use_cpu=True, bf16=False, logging_steps=1,
    save_steps=4, report_to="none",
)  # fmt: skip
trainer = ArrolGRPOTrainer(
    str(MODEL),
    right,
    config,
    Dataset.from_list(rows),
    prune={"keep": 0.5, "probes": [16], "cold_start": 2},
)
trainer.train()
