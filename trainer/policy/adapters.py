"""Low-rank adapters (LoRA, arXiv 2106.09685) through peft: they alone are trained, and go out merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from arrol_serve.engine.plugin.adapters import SCALE, A, B, merge
from trainer.errors import ConfigError
from trainer.sections import LoraSection

NAME = "default"
"""peft's name for the only adapter."""
BASE = ".base_layer"
"""What peft puts into the names of the weights that an adapter sits on."""


def add_adapters(model: Any, options: LoraSection, seed: int) -> None:
    """Put adapters into ``model`` in place and freeze everything else.

    Raises ``ConfigError`` where ``lora.target_modules`` names no layer of it.
    """
    from peft import inject_adapter_in_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(_config(options), model, adapter_name=NAME)
        except ValueError as error:
            linear = {
                name.rpartition(".")[2]
                for name, module in model.named_modules()
                if isinstance(module, torch.nn.Linear)
            }
            raise ConfigError(
                f"lora.target_modules: {error} Linear layers of this model: "
                f"{', '.join(sorted(linear))}.",
                param="lora.target_modules",
            ) from error


def _config(options: LoraSection) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=list(options.target_modules) or "all-linear",
    )


def _layers(model: Any) -> dict[str, Any]:
    if not hasattr(model, "peft_config"):
        return {}
    from peft.tuners.lora import LoraLayer

    return {name: part for name, part in model.named_modules() if isinstance(part, LoraLayer)}


def merged(
    model: Any, whole: Callable[[Tensor], Tensor] = Tensor.detach
) -> Iterator[tuple[str, Tensor]]:
    """Weights by the base model's names: W + alpha / rank B A where an adapter sits.

    ``whole`` gathers a sharded tensor. Tied weights come once.
    """
    layers = _layers(model)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            continue
        value = whole(parameter)
        owner, _, rest = name.rpartition(BASE)
        if rest == ".weight" and owner in layers:
            layer = layers[owner]
            value = merge(
                value,
                whole(layer.lora_A[NAME].weight),
                whole(layer.lora_B[NAME].weight),
                layer.scaling[NAME],
                transposed=layer.fan_in_fan_out,
            )
        yield name.replace(BASE, ""), value


def apart(
    model: Any, whole: Callable[[Tensor], Tensor] = Tensor.detach
) -> Iterator[tuple[str, Tensor]]:
    """What ``merged`` adds, as ``arrol_serve.engine.plugin.adapters`` reads it."""
    for owner, layer in _layers(model).items():
        scale = [float(layer.scaling[NAME]), float(layer.fan_in_fan_out)]
        yield f"{owner}.weight{A}", whole(layer.lora_A[NAME].weight)
        yield f"{owner}.weight{B}", whole(layer.lora_B[NAME].weight)
        yield f"{owner}.weight{SCALE}", torch.tensor(scale, dtype=torch.float64)


@contextmanager
def without_adapters(model: Any) -> Iterator[None]:
    """The initial model inside."""
    layers = _layers(model).values()
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


@contextmanager
def dropping_out(model: Any) -> Iterator[None]:
    """``lora.dropout`` is in force inside; nothing else of the model leaves evaluation mode."""
    drops = [drop for layer in _layers(model).values() for drop in layer.lora_dropout.values()]
    for drop in drops:
        drop.train()
    try:
        yield
    finally:
        for drop in drops:
            drop.eval()


def save_adapters(model: Any, options: LoraSection, base: str, folder: Path) -> None:
    """As ``peft.PeftModel.from_pretrained`` loads them onto the base model called ``base``."""
    from peft import get_peft_model_state_dict

    config = _config(options)
    config.base_model_name_or_path, config.task_type = base, "CAUSAL_LM"
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    found = get_peft_model_state_dict(model, adapter_name=NAME)
    save_file(
        {f"base_model.model.{name}": value.contiguous() for name, value in found.items()},
        folder / "adapter_model.safetensors",
    )
