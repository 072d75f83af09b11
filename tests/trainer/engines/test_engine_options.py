"""``[engine]``: vLLM's options take effect, or are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.config import dump_config, load_config
from trainer.engines.options import check_options, check_ranks
from trainer.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dtype", r"engine\.dtype: it is said by optim\.dtype"),
        ("max_num_seqs", r"said by rollout\.sequences"),
        ("gpu_memory_utilization", r"said by rollout\.gpu_memory"),
        ("worker_cls", "where pruning lives"),
        ("enable_sleep_mode", r"said by rollout\.sleep"),
        ("override_generation_config", "not the one that is trained"),
        ("prefill_context_parallel_size", "rows that are sampled"),
        ("weight_transfer_config", "the trainer sets it"),
        ("tensor_paralel_size", r"did you mean tensor_parallel_size\?"),
    ],
)
def test_what_cannot_be_given_is_refused_by_name(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_options({name: 2}, {"weight_transfer_config": {}})


def test_options_of_vllms_are_taken() -> None:
    check_options(
        {"tensor_parallel_size": 2, "quantization": "fp8", "enable_prefix_caching": False}
    )


def test_ranks_have_one_worker_each() -> None:
    check_ranks({"tensor_parallel_size": 2}, 1)
    with pytest.raises(ConfigError, match=r"engine\.tensor_parallel_size: each of torchrun"):
        check_ranks({"tensor_parallel_size": 2}, 2)


def test_replicas_have_their_own_options() -> None:
    there = 'rollout.replicas=["http://127.0.0.1:1"]'
    with pytest.raises(ConfigError, match="give them the options where they start"):
        load_config(None, [there, "engine.quantization=fp8"])


def test_they_are_part_of_the_dumped_recipe(tmp_path: Path) -> None:
    config = load_config(None, ["engine.quantization=fp8", "engine.block_size=32"])
    (tmp_path / "dump.toml").write_text(dump_config(config))
    assert load_config(tmp_path / "dump.toml").engine == {"quantization": "fp8", "block_size": 32}
