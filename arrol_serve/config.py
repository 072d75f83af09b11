"""How a server is set up. Built once by the CLI, read-only afterwards."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from arrol_serve.belief import Belief
from arrol_serve.errors import InvalidRequest, complaint
from arrol_serve.presets import safe_presets

DEFAULT_SAMPLES = 16
"""Candidates of a search that does not say how many."""
AT_ZERO = {"zero_temperature": 0.7}
"""Many clients send temperature 0 whatever the model, and can choose nothing but the model."""
BUILT_IN_ALIASES: dict[str, dict[str, Any]] = {
    "{model}-vote16": {"samples": 16, **AT_ZERO},
    "{model}-prune16": {"samples": 16, "prune": {"keep": 0.5}, **AT_ZERO},
}


class AdapterHead(BaseModel):
    """A LoRA adapter's own quality head."""

    model_config = ConfigDict(frozen=True)

    head: str
    """Its folder."""
    head_id: str
    probes: tuple[int, ...]
    belief: Belief


class ServerConfig(BaseModel):
    """Limits, defaults and aliases."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    default: dict[str, Any] | None = None
    """The ``arrol`` object of requests to plain model names; None: they are plain vLLM requests."""
    aliases: dict[str, dict[str, Any]] = Field(default_factory=lambda: dict(BUILT_IN_ALIASES))
    """Extra model names and their ``arrol`` objects; ``{model}`` stands for the served name."""
    scorer: Literal["head", "confidence"] | None = None
    """Scorer of searches that name none; None: the head where there is one."""
    max_samples: int = Field(default=256, ge=1)
    max_total_tokens: int | None = Field(default=None, ge=1)
    """Cap on the generated tokens of one search, all candidates together; None: no cap."""
    max_body_bytes: int = Field(default=8 * 2**20, ge=1024)
    """Cap on a request's body."""
    slow_request_s: float = Field(default=20.0, gt=0)
    """Seconds for the head of a request, and for its body beside one for each KiB."""
    max_deadline_s: float = Field(default=3600.0, gt=0)
    max_queue_s: float = Field(default=60.0, ge=0)
    """Longest time in the queue: requests that would wait longer are refused with 429."""
    max_load: float = Field(default=2.0, ge=1)
    """Engine-fulls of work to let into vLLM at once; the rest queues here, in a fair order."""
    concurrent_per_key: int | None = Field(default=None, ge=1)
    """Requests of one API key inside at once."""
    requests_per_minute_per_key: int | None = Field(default=None, ge=1)
    tokens_per_minute_per_key: int | None = Field(default=None, ge=1)
    """Generated tokens, counted when a request has ended."""
    keep_alive_s: float = Field(default=10.0, ge=0)
    """Seconds of silence on a stream before a keep-alive; 0: none."""
    keep_alive: Literal["comment", "chunk"] = "comment"
    """A comment, or for clients and proxies that want one an event that says nothing."""
    page: bool = True
    """Whether ``GET /arrol`` shows the page on which searches are watched."""
    verifier_workers: int = Field(default=2, ge=1)
    verifier_timeout_s: float = Field(default=3.0, gt=0)
    head: str | None = None
    """Folder of the quality head in force; set by the CLI."""
    head_id: str | None = None
    probes: tuple[int, ...] = (512,)
    """Default probes: those that the head was measured at."""
    belief: Belief = Belief()
    """How its scores become the probability of an answer."""
    presets: dict[str, dict[str, Any]] | None = None
    """Names for ``arrol`` objects; None: ``presets.DEFAULTS``, or those beside the head."""

    adapter_heads: dict[str, AdapterHead] = Field(default_factory=dict)
    """Heads by the adapter's name; set by the CLI."""

    def of_adapter(self, name: str) -> ServerConfig:
        """The configuration of an adapter's searches: with its own head, or with none.

        The base model's head has not seen an adapter's hidden states.
        """
        own = self.adapter_heads.get(name)
        found = dict.fromkeys(("head", "head_id", "scorer")) if own is None else dict(own)
        return self.model_copy(
            update={**found, "presets": None}
        )  # those in force are the base head's

    @property
    def has_head(self) -> bool:
        return self.head is not None

    def presets_in_force(self) -> Mapping[str, Mapping[str, Any]]:
        """Preset name -> ``arrol`` object."""
        if self.presets is not None:
            return self.presets
        return safe_presets(self.has_head and self.scorer != "confidence", self.max_samples)

    def aliases_of(self, model: str) -> dict[str, dict[str, Any]]:
        """Alias name -> ``arrol`` object for one served model."""
        named = {
            f"{{model}}-{name}": {"preset": name}
            | ({} if "zero_temperature" in preset else AT_ZERO)
            for name, preset in self.presets_in_force().items()
        }
        aliases = {**named, **self.aliases}
        return {name.replace("{model}", model): body for name, body in aliases.items()}


def load_config(path: Path | None, **overrides: Any) -> ServerConfig:
    """Read a TOML file, then apply ``overrides`` that are not None.

    Raises ``InvalidRequest`` naming the file, the key and what is wrong with it.
    """
    body: dict[str, Any] = {}
    if path is not None:
        try:
            body = tomllib.loads(path.read_text())
        except OSError as error:
            raise InvalidRequest(f"Cannot read {path}: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"{path} is not valid TOML: {error}.") from error
    body |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return ServerConfig(**body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        known = ", ".join(ServerConfig.model_fields)
        raise InvalidRequest(
            f"Configuration key {key!r}: {complaint(first)}. Known keys: {known}.", param=key
        ) from error
