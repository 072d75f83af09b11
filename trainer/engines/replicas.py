"""Rollouts from several running ``arrol-serve``: groups are spread, and moved when one is lost."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arrol_serve.engine.plugin.recording import FeatureRecord
from trainer.engines.replica import Replica
from trainer.engines.sampling import GroupRequest, SampledRollout
from trainer.engines.side_by_side import side_by_side
from trainer.engines.weight_check import Held
from trainer.errors import ConfigError, ReplicaLost, ReplicaRefused
from trainer.prompts.chat import Messages
from trainer.sections import RolloutSection

LOGPROBS = "processed_logprobs"
Sampled = tuple[list[SampledRollout], FeatureRecord]


class Part:
    """One replica of the set, to be probed by itself."""

    def __init__(self, whole: Replicas, replica: Replica) -> None:
        self._whole, self._replica, self.name = whole, replica, replica.name

    def sample(
        self,
        groups: Sequence[GroupRequest],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool = False,
    ) -> list[list[SampledRollout]]:
        call = self._whole.caller(groups, samples, max_tokens=max_tokens, logprobs=logprobs)
        return [call(self._replica, place)[0] for place in range(len(groups))]

    def weights(self) -> Held:
        sums = self._replica.get("/admin/weights")
        return Held(sums["received"], sums["held"])


class Replicas:
    """A ``RolloutEngine``. Lost replicas are tried again at every sync.

    ``encode`` turns a chat into the token ids of its prompt. Raises ``ConfigError`` where
    the key is not set, or a replica does not fit the run.
    """

    name = "replicas"

    def __init__(
        self, rollout: RolloutSection, encode: Callable[[Messages], Sequence[int]], backend: str
    ) -> None:
        key = os.environ.get(rollout.replica_key_env, "")
        if not key:
            raise ConfigError(
                f"rollout.replicas need the key of their admin ports: set {rollout.replica_key_env}."
            )
        self._longest, self._encode, self._backend = rollout.max_model_len, encode, backend
        self._all = [Replica(url, key, rollout.replica_timeout_s) for url in rollout.replicas]
        self._lock = threading.Lock()
        self._version = ""
        self._recorded = FeatureRecord()
        self._sizes: dict[str, int] = {}
        self.live: list[Replica] = []
        self._find(self._all)
        if len(self.live) < len(self._all):
            raise ConfigError(f"not all of rollout.replicas can be used: {self._why}")

    _why = ""

    def _find(self, replicas: Sequence[Replica]) -> list[Replica]:
        """Which of them answer and fit; they join. Raises ``ConfigError`` for one that does not fit."""
        found = []
        for replica in replicas:
            try:
                status = replica.status()
            except ReplicaLost as error:
                self._why = error.message
                continue
            except ReplicaRefused as error:
                raise ConfigError(error.message) from error
            self._check(replica, status)
            self._sizes[replica.name] = status["world_size"]
            found.append(replica)
        self.live = [one for one in self._all if one in self.live or one in found]
        return found

    def _check(self, replica: Replica, status: dict[str, Any]) -> None:
        wanted = {
            "logprobs_mode": (LOGPROBS, f"--logprobs-mode {LOGPROBS}"),
            "weight_transfer": (
                self._backend,
                f"""--weight-transfer-config '{{"backend": "{self._backend}"}}'""",
            ),
        }
        for name, (value, option) in wanted.items():
            if status[name] != value:
                raise ConfigError(
                    f"{replica.name} has {name} {status[name]}, this run needs {value}: start it "
                    f"with {option}."
                )
        if status["max_model_len"] < self._longest:
            raise ConfigError(
                f"{replica.name} has a max_model_len of {status['max_model_len']}, below "
                f"rollout.max_model_len ({self._longest})."
            )

    @property
    def client(self) -> Replicas:
        return self

    @property
    def world_size(self) -> int:
        return sum(self._sizes[replica.name] for replica in self.live)

    def parts(self) -> Sequence[Part]:
        return [Part(self, replica) for replica in self.live]

    def sample(
        self,
        groups: Sequence[GroupRequest],
        samples: int,
        *,
        max_tokens: int,
        logprobs: bool = False,
    ) -> list[list[SampledRollout]]:
        """A group whose replica is lost starts again on another, with the same seeds.

        Raises ``ReplicaLost`` when none is left.
        """

        call = self.caller(groups, samples, max_tokens=max_tokens, logprobs=logprobs)

        def one(place: int) -> Sampled:
            while True:
                replica = self._choose(place)
                try:
                    return call(replica, place)
                except ReplicaLost as error:
                    self._drop(replica, error)

        found = side_by_side(one, range(len(groups)))
        for _, recorded in found:
            self._recorded.extend(recorded)
        return [rollouts for rollouts, _ in found]

    def caller(
        self, groups: Sequence[GroupRequest], samples: int, *, max_tokens: int, logprobs: bool
    ) -> Callable[[Replica, int], Sampled]:
        """Asks a replica for the group at a place. Prompts are encoded here, in one thread."""
        prompts, version = [self._encode(group.messages) for group in groups], self._version

        def call(replica: Replica, place: int) -> Sampled:
            return replica.group(
                groups[place],
                prompts[place],
                samples,
                max_tokens=max_tokens,
                logprobs=logprobs,
                version=version,
            )

        return call

    def _choose(self, place: int) -> Replica:
        with self._lock:
            if not self.live:
                raise ReplicaLost(f"no replica is left. The last one: {self._why}")
            return self.live[place % len(self.live)]

    def _drop(self, replica: Replica, error: ReplicaLost) -> None:
        with self._lock:
            if replica in self.live:
                self.live.remove(replica)
                self._why = error.message
                print(f"\n{error.message} Its groups go to the others.", file=sys.stderr)

    @contextmanager
    def updating(self, version: str) -> Iterator[None]:
        """Whoever answers again joins; who is lost on the way is dropped."""
        back = self._find([one for one in self._all if one not in self.live])
        if back and self._backend == "nccl":
            raise ReplicaRefused(f"{back[0].name} was restarted, which NCCL's group cannot follow.")
        for replica in back:
            replica.post("/init_weight_transfer_engine", {"init_info": {}})
        self._each(lambda one: one.post("/pause", mode="wait"))
        yield
        self._each(lambda one: one.post("/update_weight_version", {"new_version": version}))
        self._each(lambda one: one.post("/resume"))
        self._version = version

    def _each(self, call: Callable[[Replica], Any]) -> list[Any]:
        """On all live replicas at once. With NCCL nobody may be missing from the group."""

        def one(replica: Replica) -> Any:
            try:
                return call(replica)
            except ReplicaLost as error:
                if self._backend == "nccl":
                    raise
                self._drop(replica, error)
                return None

        replies = side_by_side(one, list(self.live))
        self._choose(0)
        return replies

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """Where ranks are counted, each replica's follow those of the one before."""
        first, infos = init_info.get("rank_offset"), {}
        for replica in self.live:
            infos[replica.name] = (
                init_info if first is None else {**init_info, "rank_offset": first}
            )
            first = None if first is None else first + self._sizes[replica.name]
        path = "/init_weight_transfer_engine"
        self._each(lambda one: one.post(path, {"init_info": infos[one.name]}))

    def start_weight_update(self) -> None:
        self._each(lambda one: one.post("/start_weight_update"))

    def update_weights(self, update_info: Any) -> None:
        self._each(lambda one: one.post("/update_weights", {"update_info": update_info}))

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        body = {"weight_version": weight_version}
        self._each(lambda one: one.post("/finish_weight_update", body))

    def sleep(self) -> None:
        """Servers stay awake: others may ask them too."""

    def load_head(self, folder: Path, version: str) -> None:
        body = {"path": str(folder.resolve()), "version": version}
        for reply in self._each(lambda one: one.post("/admin/head", body)):
            if reply is not None and set(reply["versions"]) != {version}:
                raise RuntimeError(f"a replica holds heads {reply['versions']}, not {version}")

    def take_features(self) -> FeatureRecord:
        taken, self._recorded = self._recorded, FeatureRecord()
        return taken

    def close(self) -> None:
        for replica in self._all:
            replica.close()
