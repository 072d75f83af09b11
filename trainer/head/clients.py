"""Rollouts for a head from a running server: through arrol-serve's admin port, or any vLLM's API."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.quality.statistics import STATISTICS
from trainer.engines.opening import Encoder
from trainer.engines.replica import Replica
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.engines.side_by_side import side_by_side
from trainer.errors import ConfigError

ADMIN_KEY, API_KEY = "ARROL_ADMIN_KEY", "OPENAI_API_KEY"
TIMEOUT_S = 3600.0
AS_STARTED = "default"
"""vLLM's ``weight_version`` of an engine whose weights nobody has changed; a trainer's is a step's number."""


class AdminClient:
    """A ``RecordingSampler``: its engine records the head's inputs while it generates."""

    def __init__(self, url: str, model: Path, template: Mapping[str, Any]) -> None:
        """Raises ``ConfigError`` without a key and for weights that were changed, ``ReplicaLost`` or
        ``ReplicaRefused``."""
        key = os.environ.get(ADMIN_KEY, "")
        if not key:
            raise ConfigError(
                f"--url asks the admin port of arrol-serve: set {ADMIN_KEY} to its key, or sample from "
                "another server with --recompute."
            )
        self.name = url
        self._server, self._encode = Replica(url, key, TIMEOUT_S), Encoder(model, template)
        self._version = self._server.status()["weight_version"]
        if not self._has_weights_of(model):
            raise ConfigError(
                f"{url} holds other weights than --model: a trainer has put those of version "
                f"{self._version!r} there. Start the server again, or name the folder of their export."
            )
        config = AutoConfig.from_pretrained(model).get_text_config()
        self._width = config.hidden_size + len(STATISTICS)
        self._recorded = FeatureRecord()

    def _has_weights_of(self, model: Path) -> bool:
        """By the bits of what it was sent since it started, by files; where by other ways, by the version."""
        sent = {got for got in self._server.get("/admin/weights")["received"] if got is not None}
        if not sent:
            return bool(self._version == AS_STARTED)
        from safetensors.torch import load_file

        from arrol_serve.engine.plugin.weights import bits_sum

        tensors = (load_file(path).values() for path in sorted(model.glob("*.safetensors")))
        return sent == {bits_sum(tensor for file in tensors for tensor in file)}

    def sample(
        self,
        groups: Sequence[GroupRequest],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool = False,
    ) -> list[list[SampledRollout]]:
        """Raises ``ConfigError`` if the server has another model than was named."""
        prompts = [self._encode(group.messages) for group in groups]

        def one(place: int) -> tuple[list[SampledRollout], FeatureRecord]:
            return self._server.group(
                groups[place],
                prompts[place],
                samples,
                max_tokens=max_tokens,
                logprobs=logprobs,
                version=self._version,
            )

        found = side_by_side(one, range(len(groups)))
        for _, recorded in found:
            self._recorded.extend(recorded)
        widths = {len(row) for row in self._recorded.features} - {self._width}
        if widths:
            raise ConfigError(
                f"{self.name} serves another model than --model: its head inputs are "
                f"{widths.pop() - len(STATISTICS)} numbers wide, not {self._width - len(STATISTICS)}."
            )
        return [rollouts for rollouts, _ in found]

    def take_features(self) -> FeatureRecord:
        taken, self._recorded = self._recorded, FeatureRecord()
        return taken

    def close(self) -> None:
        self._server.close()


class PlainClient:
    """A ``RecordingSampler`` that records nothing: any vLLM server, over ``/v1/completions``."""

    def __init__(self, url: str, model: Path, template: Mapping[str, Any]) -> None:
        """Raises ``ReplicaLost`` or ``ReplicaRefused``."""
        self.name = url
        self._server = Replica(url, os.environ.get(API_KEY, "unused"), TIMEOUT_S)
        self._encode = Encoder(model, template)
        self._model = self._server.get("/v1/models")["data"][0]["id"]

    def sample(
        self,
        groups: Sequence[GroupRequest],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool = False,
    ) -> list[list[SampledRollout]]:
        """One request a rollout, with its own seed. Raises ``ConfigError`` without token ids."""
        if logprobs:
            raise ConfigError("A plain server is not asked for log-probabilities.")
        prompts = {group.name: self._encode(group.messages) for group in groups}

        def one(job: tuple[GroupRequest, int]) -> SampledRollout:
            group, index = job
            body = {
                "model": self._model,
                "prompt": prompts[group.name],
                "seed": group.seed + index,
                "temperature": group.temperature,
                "max_tokens": max_tokens,
                "top_p": group.top_p,
                "top_k": group.top_k,
                "stop": list(group.chat.stop),
                "return_token_ids": True,
            }
            choice = self._server.post("/v1/completions", body)["choices"][0]
            return self._rollout(group.name, index, prompts[group.name], choice)

        found = side_by_side(one, [(g, i) for g in groups for i in range(samples)])
        return [found[i : i + samples] for i in range(0, len(found), samples)]

    def _rollout(
        self, group: str, index: int, prompt: Sequence[int], choice: dict[str, Any]
    ) -> SampledRollout:
        if not choice.get("token_ids"):
            raise ConfigError(
                f"{self.name} does not return token ids (return_token_ids): it is no vLLM server."
            )
        return SampledRollout(
            group=group,
            index=index,
            text=choice["text"],
            token_ids=tuple(choice["token_ids"]),
            finish_reason=choice["finish_reason"],
            stop_reason=choice.get("stop_reason"),
            report={},
            prompt_ids=tuple(prompt),
        )

    def take_features(self) -> FeatureRecord:
        return FeatureRecord()

    def close(self) -> None:
        self._server.close()
