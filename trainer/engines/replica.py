"""One running ``arrol-serve``, reached through its admin port."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import torch

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.sampling import NEVER, GroupRequest, SampledRollout
from trainer.errors import ReplicaLost, ReplicaRefused

CONNECT_S = 10.0
STATUS_S = 30.0


class Replica:
    """Its routes as methods. Safe to use from several threads."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.name = url.rstrip("/")
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            base_url=self.name,
            headers={"authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=False,  # a proxy for the world is none for the cluster
        )

    def status(self) -> Any:
        """What it is; answers at once, or is lost."""
        return self.get("/admin/status")

    def get(self, path: str) -> Any:
        return self._call("GET", path, timeout=STATUS_S)

    def post(self, path: str, body: Any = None, **query: str) -> Any:
        return self._call("POST", path, json=body, params=query)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        """The reply. Raises ``ReplicaLost`` and ``ReplicaRefused``."""
        try:
            reply = self._http.request(method, path, **options)
            body = reply.json()
        except httpx.TimeoutException as error:
            raise ReplicaLost(
                f"{self.name} gave no answer to {path} in {self._timeout_s:g} s "
                "(rollout.replica_timeout_s)."
            ) from error
        except ValueError as error:
            raise ReplicaLost(
                f"{self.name} answers {path} with no JSON: it is no server, or not the right port."
            ) from error
        except httpx.HTTPError as error:
            what = str(error) or type(error).__name__
            raise ReplicaLost(f"{self.name} does not answer {path}: {what}.") from error
        if reply.is_success:
            return body
        message = f"{self.name} answers {reply.status_code} to {path}: {_message(body)}"
        raise (ReplicaLost if reply.status_code >= 500 else ReplicaRefused)(message)

    def group(
        self,
        request: GroupRequest,
        prompt_ids: Sequence[int],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool,
        version: str,
    ) -> tuple[list[SampledRollout], FeatureRecord]:
        """One rollout group, and the head inputs recorded on the way.

        Raises ``ReplicaRefused`` where other weights than ``version`` sampled any of it.
        """
        body = {
            "prompt_token_ids": list(prompt_ids),
            "samples": samples,
            "seed": request.seed,
            "temperature": request.temperature,
            "max_tokens": max_tokens,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "stop": list(request.chat.stop),
            "logprobs": logprobs,
            "probes": list(request.probes),
            "policy": dict(request.policy or NEVER),
            "min_survivors": request.min_survivors,
            "signals": list(request.signals),
            "prune_by": request.prune_by,
            "confidence_window": request.confidence_window,
            "record": None if request.record is None else list(request.record),
            "to_end": request.to_end,
        }
        reply = self.post("/admin/rollouts", body)
        if set(reply["weight_versions"]) - {version}:
            raise ReplicaRefused(
                f"{self.name} sampled with the weights of version {reply['weight_versions']}, not "
                f"{version}: somebody else writes to it. A replica belongs to one run at a time."
            )
        rollouts = [
            SampledRollout(
                group=request.name,
                index=one["index"],
                text=one["text"],
                token_ids=tuple(one["token_ids"]),
                finish_reason=one["finish_reason"],
                stop_reason=one["stop_reason"],
                report=one["report"],
                prompt_ids=tuple(prompt_ids),
                logprobs=tuple(one["logprobs"]),
            )
            for one in reply["rollouts"]
        ]
        return rollouts, _features(request.name, reply["features"])

    def close(self) -> None:
        self._http.close()


def _message(body: Any) -> str:
    error = body.get("error", body) if isinstance(body, dict) else body
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)


def _features(group: str, sent: dict[str, Any] | None) -> FeatureRecord:
    record = FeatureRecord()
    if sent is None or not sent["indices"]:
        return record
    numbers = np.frombuffer(base64.b64decode(sent["data"]), "<f4").reshape(-1, sent["width"])
    for index, tokens, row in zip(sent["indices"], sent["tokens"], numbers, strict=True):
        record.add(group, index, tokens, torch.from_numpy(row.astype(np.float32)))
    return record
