"""The sizes of a model, read from its config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arrol_serve.errors import InvalidRequest

DTYPE_BYTES = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "float8": 1.0,
    "fp8": 1.0,
    "int8": 1.0,
}
NO_KV = ("linear_attention", "mamba", "recurrent", "conv")
"""Layer types whose state does not grow with the sequence: these formulas do not cover them."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Numbers of one model; bytes are those of the whole model, over all its GPUs."""

    name: str
    parameters: float
    """All weights."""
    expert_parameters: float
    """Those in routed experts; 0: a dense model."""
    expert_share: float
    """Share of the routed experts that one token uses."""
    dtype_bytes: float
    weight_bytes: float
    full_layers: int
    window_layers: int
    """Layers that attend to the last ``window`` tokens only."""
    window: int
    kv_elements: int
    """Elements that one token stores in one layer."""
    kv_heads: int | None
    """None: latent attention, whose cache every GPU holds whole."""
    hidden_size: int

    def kv_bytes_per_token(self, kv_bytes: float, gpus: int) -> float:
        """KV cache of one token on one GPU, while it is inside every layer's window.

        2 * layers * KV heads * head size * bytes, heads split over the GPUs until each has one.
        """
        layers = self.full_layers + self.window_layers
        return layers * self.kv_elements * kv_bytes / self._kv_shards(gpus)

    def kv_bytes(self, tokens: float, kv_bytes: float, gpus: int) -> float:
        """KV cache of a sequence of ``tokens`` on one GPU."""
        inside = self.full_layers * tokens + self.window_layers * min(tokens, self.window)
        return inside * self.kv_elements * kv_bytes / self._kv_shards(gpus)

    def _kv_shards(self, gpus: int) -> int:
        return 1 if self.kv_heads is None else min(gpus, self.kv_heads)

    def active_parameters(self) -> float:
        """Weights that one token multiplies with."""
        return self.parameters - self.expert_parameters * (1 - self.expert_share)

    def parameters_read(self, batch: float) -> float:
        """Expected weights that a step of ``batch`` tokens reads: experts that no token picks stay put."""
        untouched: float = (1 - self.expert_share) ** batch
        return self.parameters - self.expert_parameters * untouched


def read_shape(path: Path) -> ModelShape:
    """The shape of a model folder or a config.json.

    Raises ``InvalidRequest`` naming the file and the field that is missing or not covered.
    """
    file = path / "config.json" if path.is_dir() else path
    try:
        whole = json.loads(file.read_text())
    except OSError as error:
        raise InvalidRequest(f"Cannot read {file}: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidRequest(f"{file} is not valid JSON: {error}.") from error
    if not isinstance(whole, dict):
        raise InvalidRequest(f"{file} is not a model's configuration: it holds no object.")
    config = whole | whole.get("text_config", {})
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16")
    if dtype not in DTYPE_BYTES:
        raise InvalidRequest(f"{file}: dtype {dtype!r} is not one of {', '.join(DTYPE_BYTES)}.")
    stored = sum(f.stat().st_size for f in file.parent.glob("*.safetensors"))
    return _shape(file, config, DTYPE_BYTES[dtype], float(stored))


def _shape(file: Path, config: Mapping[str, Any], dtype_bytes: float, stored: float) -> ModelShape:
    layers = _number(file, config, "num_hidden_layers")
    hidden = _number(file, config, "hidden_size")
    heads = _number(file, config, "num_attention_heads")
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head = int(config.get("head_dim") or hidden // heads)
    latent = int(config.get("kv_lora_rank") or 0)
    kv_elements = (
        latent + int(config.get("qk_rope_head_dim") or 0) if latent else 2 * kv_heads * head
    )
    windows = _window_layers(file, config, layers)
    experts, total = _experts(file, config, layers, hidden)
    dense_layers = layers if not experts else int(config.get("first_k_dense_replace") or 0)
    attention = 2 * hidden * head * (heads + kv_heads)
    mlp = 3 * hidden * _number(file, config, "intermediate_size")
    shared_experts = int(config.get("n_shared_experts") or 0)
    expert_width = int(config.get("moe_intermediate_size") or 0)
    shared_width = config.get("shared_expert_intermediate_size") or shared_experts * expert_width
    shared = 3 * hidden * int(shared_width)
    embeddings = _number(file, config, "vocab_size") * hidden
    tied = bool(config.get("tie_word_embeddings", False))
    parameters = float(
        layers * attention + dense_layers * mlp + (layers - dense_layers) * shared
        + embeddings * (1 if tied else 2) + total
    )  # fmt: skip
    used = int(config.get("num_experts_per_tok") or 0) / experts if experts else 1.0
    return ModelShape(
        name=str(file.parent if file.name == "config.json" else file),
        parameters=parameters,
        expert_parameters=total,
        expert_share=used,
        dtype_bytes=dtype_bytes,
        weight_bytes=stored or parameters * dtype_bytes,
        full_layers=layers - windows,
        window_layers=windows,
        window=int(config.get("sliding_window") or 0) if windows else 0,
        kv_elements=kv_elements,
        kv_heads=None if latent else kv_heads,
        hidden_size=hidden,
    )


def _experts(file: Path, config: Mapping[str, Any], layers: int, hidden: int) -> tuple[int, float]:
    """Routed experts of a layer, and the parameters of all of them."""
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    experts = next((int(config[name]) for name in names if config.get(name)), 0)
    if not experts:
        return 0, 0.0
    width = config.get("moe_intermediate_size") or _number(file, config, "intermediate_size")
    with_experts = layers - int(config.get("first_k_dense_replace") or 0)
    return experts, float(with_experts * experts * 3 * hidden * int(width))


def _window_layers(file: Path, config: Mapping[str, Any], layers: int) -> int:
    kinds = config.get("layer_types")
    if isinstance(kinds, list):
        unknown = [kind for kind in kinds if any(word in str(kind) for word in NO_KV)]
        if unknown:
            raise InvalidRequest(
                f"{file}: layers of type {unknown[0]!r} keep no KV cache; the planner does not "
                "cover them."
            )
        return sum("sliding" in str(kind) for kind in kinds)
    everywhere = config.get("sliding_window") and config.get("use_sliding_window", True)
    return layers if everywhere else 0


def _number(file: Path, config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(f"{file} has no usable {name!r}, which the planner needs.", param=name)
    return value
