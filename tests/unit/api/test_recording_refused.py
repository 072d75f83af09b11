"""Engines that cannot record the head's inputs say so before they sample."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from arrol_serve.api.admin.rollouts import check_recording
from arrol_serve.errors import InvalidRequest


def config(engines: int = 1, drafts: object = None) -> Any:
    parallel = SimpleNamespace(data_parallel_size=engines)
    return SimpleNamespace(parallel_config=parallel, speculative_config=drafts)


@pytest.mark.parametrize(
    ("where", "on_cpu", "option"),
    [
        (config(engines=2), True, "--data-parallel-size"),
        (config(drafts=object()), False, "--speculative-config"),
    ],
)
def test_recording_is_refused_with_the_option_to_leave_out(
    where: Any, on_cpu: bool, option: str
) -> None:
    with pytest.raises(InvalidRequest, match=option):
        check_recording(where, on_cpu=on_cpu)


def test_a_cpu_records_with_drafts() -> None:
    check_recording(config(drafts=object()), on_cpu=True)
