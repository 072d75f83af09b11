"""What settings of ours are called in TRL's ``GRPOConfig`` and in verl: for hints, and docs/training.md."""

from __future__ import annotations

from collections.abc import Mapping

TRL: Mapping[str, str] = {
    "model_name_or_path": "run.model",
    "output_dir": "run.out",
    "max_steps": "run.steps",
    "num_generations": "rollout.samples",
    "per_device_train_batch_size": "rollout.prompts",
    "max_completion_length": "rollout.max_tokens",
    "temperature": "rollout.temperature",
    "steps_per_generation": "rollout.batches",
    "vllm_gpu_memory_utilization": "rollout.gpu_memory",
    "vllm_enable_sleep_mode": "rollout.sleep",
    "learning_rate": "optim.lr",
    "lr_scheduler_type": "optim.schedule",
    "warmup_steps": "optim.warmup",
    "weight_decay": "optim.weight_decay",
    "max_grad_norm": "optim.clip_norm",
    "gradient_checkpointing": "optim.gradient_checkpointing",
    "beta": "algorithm.kl_weight",
    "epsilon": "algorithm.clip_low",
    "epsilon_high": "algorithm.clip_high",
    "vllm_importance_sampling_cap": "algorithm.truncate_ratio",
    "reward_funcs": "reward.function",
    "reward_weights": "reward.weights",
    "mask_truncated_completions": "reward.truncated",
    "lora_r": "lora.rank",
    "lora_alpha": "lora.alpha",
    "save_steps": "checkpoint.every",
    "save_total_limit": "checkpoint.keep",
    "eval_steps": "eval.every",
}
"""Name -> ours. Where ours counts otherwise, docs/training.md says so."""
VERL: Mapping[str, str] = {
    "total_training_steps": "run.steps",
    "train_batch_size": "rollout.prompts",
    "n": "rollout.samples",
    "max_response_length": "rollout.max_tokens",
    "gpu_memory_utilization": "rollout.gpu_memory",
    "free_cache_engine": "rollout.sleep",
    "ppo_max_token_len_per_gpu": "optim.tokens_per_pass",
    "grad_clip": "optim.clip_norm",
    "lr_warmup_steps": "optim.warmup",
    "kl_loss_coef": "algorithm.kl_weight",
    "clip_ratio_low": "algorithm.clip_low",
    "clip_ratio_high": "algorithm.clip_high",
    "lora_rank": "lora.rank",
    "save_freq": "checkpoint.every",
    "test_freq": "eval.every",
    "val_files": "eval.sources",
    "train_files": "data.source",
}
"""Last part of the name -> ours."""


def ours_for(key: str) -> str | None:
    """Our name of a setting that another trainer calls ``key``; None: nobody does."""
    return TRL.get(key) or VERL.get(key)


def table() -> str:
    """For docs/training.md: ours, and what the two call it."""
    lines = ["| here | TRL | verl |", "|---|---|---|"]
    for ours in sorted({*TRL.values(), *VERL.values()}):
        theirs = ([f"`{k}`" for k, v in names.items() if v == ours] for names in (TRL, VERL))
        lines.append(f"| `{ours}` | {' | '.join(', '.join(names) for names in theirs)} |")
    return "\n".join(lines)
