"""The run itself: where it is kept, how long it is, and what is looked at on the way."""

from __future__ import annotations

from pydantic import Field, model_validator

from trainer.sections.section import Section


class RunSection(Section):
    out: str = "runs/policy"
    """The run's folder."""
    model: str = "bundled"
    """A local folder with a Hugging Face checkpoint; ``bundled``: the model that ships."""
    steps: int = Field(default=100, ge=1)
    """Updates of the policy."""
    seed: int = Field(default=0, ge=0)
    """Of prompts, sampling and batches."""
    rank_timeout_s: float = Field(default=1800.0, gt=0)
    """Seconds that a rank of ``torchrun`` waits for the others; longer than a step's rollouts take."""


class CheckpointSection(Section):
    every: int = Field(default=10, ge=1)
    """Steps between checkpoints."""
    keep: int = Field(default=2, ge=1)
    """The newest ones that stay, beside the best one."""


class EvalSection(Section):
    every: int = Field(default=0, ge=0)
    """Steps between evaluations; 0: none."""
    sources: tuple[str, ...] = ("held_out",)
    """Files or data sets, as in ``data.source``; ``held_out``: generated questions that are never trained on.
    Figures of several are logged by their names as well."""
    split: str = "test"
    """Split of a Hugging Face dataset."""
    questions: int = Field(default=100, ge=1)
    """Questions of each source; all of a file that has fewer."""
    samples: int = Field(default=1, ge=1)
    """Replies a question, unpruned: ``pass@1`` is their mean (avg@k). With 2 and more they vote too."""
    temperature: float = Field(default=1.0, ge=0, le=2)
    """The same whatever ``rollout.temperature`` is, so that runs compare; 1, as ``arrol-eval`` samples and
    as a request that names none."""
    keep_best: str = "pass@1"
    """By which figure the best checkpoint is kept, for ``arrol-train export --checkpoint best``: ``pass@1``;
    with n samples ``pass@n``, ``maj@n``, ``weighted@n``; ``NAME/pass@1`` of one of several sources. Empty:
    none is kept."""
    patience: int = Field(default=0, ge=0)
    """Evaluations in a row without a gain in ``keep_best`` after which the run ends; 0: it never does."""

    @model_validator(mode="after")
    def _sound(self) -> EvalSection:
        if not self.sources:
            raise ValueError("sources is empty: to evaluate nothing set every = 0")
        if len(set(self.sources)) < len(self.sources):
            raise ValueError("a source of sources is named twice")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples are all the same at temperature 0: ask for 1")
        if self.keep_best and self.keep_best.rpartition("/")[2] not in self.measures:
            raise ValueError(f"keep_best must be one of {', '.join(self.measures)}")
        if self.model_fields_set and "every" not in self.model_fields_set:
            raise ValueError("every is not set, so that nothing else of [eval] takes effect")
        if self.patience and not self.keep_best:
            raise ValueError("patience waits for a gain in keep_best, which is empty")
        return self

    @property
    def measures(self) -> list[str]:
        """What an evaluation measures; the last needs a head."""
        n = self.samples
        return ["pass@1", *([f"pass@{n}", f"maj@{n}", f"weighted@{n}"] if n > 1 else [])]


class LogSection(Section):
    """Besides ``metrics.jsonl``, which is always written."""

    rollouts_every: int = Field(default=10, ge=0)
    """Steps between those whose rollouts are kept for ``arrol-train show``, the first among them; 0: none."""

    prometheus_port: int = Field(default=0, ge=0, le=65535)
    """Where Prometheus may scrape the figures of the last step; 0: nowhere."""
    prometheus_host: str = "127.0.0.1"
    """The address that it listens at."""
    tensorboard: bool = False
    """Into ``tensorboard/`` of the run's folder; needs the extra ``tensorboard``."""
    wandb: str = ""
    """A project of Weights & Biases; needs the extra ``wandb``. Kept rollouts go there as tables too."""
    wandb_name: str = ""
    """The run's name there; empty: that of its folder."""
    wandb_group: str = ""
    """The group of runs there."""
    wandb_tags: tuple[str, ...] = ()
    """Its tags there."""

    @model_validator(mode="after")
    def _sound(self) -> LogSection:
        if not self.wandb and (self.wandb_name or self.wandb_group or self.wandb_tags):
            raise ValueError("wandb names no project, so that nothing goes to Weights & Biases")
        return self
