"""The worker: vLLM's own for this platform, plus scoring of the requests that ask for it.

A request without a plan costs one dictionary look-up when it starts and nothing per token.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from vllm.platforms import current_platform
from vllm.v1.outputs import AsyncModelRunnerOutput, ModelRunnerOutput

from arrol_serve.engine.plugin.compat import check_seam, check_vllm
from arrol_serve.engine.plugin.cpu_drafts import mend_sampling
from arrol_serve.engine.plugin.heads import NamedHead
from arrol_serve.engine.plugin.recording import FeatureRecord
from arrol_serve.engine.plugin.rows import rows_of
from arrol_serve.engine.plugin.scorer import RowScorer
from arrol_serve.engine.plugin.scoring.device_check import Shapes
from arrol_serve.engine.plugin.scoring.device_scores import step_scores
from arrol_serve.engine.plugin.scoring.ends import ends_of
from arrol_serve.engine.plugin.scoring.selection import Selection
from arrol_serve.engine.plugin.seams import CPU_WORKER
from arrol_serve.engine.plugin.tap import SamplerTap, listen, tell
from arrol_serve.engine.plugin.weights import FileWeightTransfer, held_sum, register_backend
from arrol_serve.engine.plugin.wire import KEY, EndedLengths, StepScores, plan_of
from arrol_serve.quality.artifact import check_model, load_head

if TYPE_CHECKING or current_platform.is_cpu():
    from vllm.v1.worker.cpu_worker import CPUWorker as PlatformWorker
else:
    from vllm.v1.worker.gpu_worker import Worker as PlatformWorker

NOT_RECORDED = EndedLengths()
SLOT_SLACK = 4
"""Slots per ``max_num_seqs``: preempted requests keep theirs while others run."""


class ArrolWorker(PlatformWorker):
    """Loads the head beside the model and scores sampled rows."""

    scorer: RowScorer
    taps: list[SamplerTap]

    def load_model(self, *args: Any, **kwargs: Any) -> Any:
        check_vllm()
        if current_platform.is_cpu():
            check_seam(CPU_WORKER)
            if self.vllm_config.speculative_config is not None:
                mend_sampling()
        register_backend()
        done = super().load_model(*args, **kwargs)
        ours = (self.vllm_config.additional_config or {}).get(KEY, {})
        tokens = 1 + self.vllm_config.num_speculative_tokens
        self.scorer = RowScorer(
            self.scheduler_config.max_num_seqs * SLOT_SLACK,
            self.device,
            last_rows=self.vllm_config.max_concurrent_batches * tokens,
            records=ours.get("records", False) and (tokens == 1 or current_platform.is_cpu()),
            shapes=Shapes(
                self.model_config.get_vocab_size(),
                self.model_config.get_hidden_size(),
                tokens,
                self.model_config.dtype,
            ),
        )
        self.taps = listen(self.model_runner, v2=self.use_v2_model_runner)
        if ours.get("head") is not None:
            self.arrol_load_head(ours["head"])
        for adapter, folder in ours.get("adapter_heads", {}).items():
            self.scorer.heads.adapters[adapter] = self._ready(folder, None)
        return done

    def determine_available_memory(self) -> int:
        """vLLM's, which samples once for all requests: their scoring is counted with it."""
        if (rehearsal := self.scorer.rehearsal()) is not None:
            tell(self.taps, rehearsal.before, rehearsal.after)
        try:
            bytes_left: int = super().determine_available_memory()
        finally:
            tell(self.taps, None, None)
        return bytes_left

    def arrol_load_head(self, folder: str, version: str | None = None) -> str:
        """Load ``folder`` and swap it in between two steps; return the version now in force.

        Searches that have begun keep theirs. Raises ``HeadMismatch`` (and keeps the head in force)
        if it does not fit this model.
        """
        named = self._ready(folder, version)
        self.scorer.heads.current = named
        assert named.version is not None  # noqa: S101  # the manifest has one
        return named.version

    def _ready(self, folder: str, version: str | None) -> NamedHead:
        head, manifest = load_head(Path(folder))
        check_model(manifest, self.model_config)
        ready = head.to(self.device).eval().requires_grad_(False)
        return NamedHead(ready, version or manifest.version)

    def arrol_status(self) -> dict[str, Any]:
        """Proof that this worker is loaded, and what it holds."""
        return {
            "head_version": self.scorer.heads.current.version,
            "heads": self.scorer.heads.in_use,
            "scored_requests": self.scorer.held,
            "free_slots": self.scorer.free_slots,
        }

    def arrol_weights_sums(self) -> tuple[int | None, int | None]:
        """What this worker received and what it holds, to be compared with what a trainer sent."""
        return FileWeightTransfer.received, held_sum(self.model_runner.model)

    def arrol_take_features(self) -> FeatureRecord:
        """Hand over, and forget, the head inputs recorded so far."""
        taken, self.scorer.recorder.kept = self.scorer.recorder.kept, FeatureRecord()
        return taken

    def arrol_take_group(self, group: str) -> dict[str, Any] | None:
        """As ``arrol_take_features``, of one group and in types that cross processes.

        None: not yet, a rollout of it is still in the tables.
        """
        if self.scorer.holds(group):
            return None
        taken = self.scorer.recorder.kept.take(group)
        rows = torch.stack(taken.features).cpu().float() if taken.features else torch.empty(0, 0)
        return {
            "indices": taken.indices,
            "tokens": taken.tokens,
            "width": rows.shape[1],
            "data": rows.numpy().astype("<f4").tobytes(),
        }

    def execute_model(self, scheduler_output: Any) -> Any:
        if self.scorer.active and scheduler_output.finished_req_ids:
            ended: EndedLengths = getattr(scheduler_output, KEY, NOT_RECORDED)
            self.scorer.release(scheduler_output.finished_req_ids, ended.tokens)
        for request in scheduler_output.scheduled_new_reqs:
            if (plan := plan_of(request.sampling_params)) is not None:
                prompt = request.prompt_token_ids
                length = None if prompt is None else len(prompt)
                ends = ends_of(
                    plan, request.sampling_params, length, self.model_config.max_model_len
                )
                self.scorer.admit(request.req_id, plan, ends)
        return super().execute_model(scheduler_output)

    def sample_tokens(self, grammar_output: Any) -> Any:
        if not self.scorer.active:
            return super().sample_tokens(grammar_output)
        step = rows_of(self.model_runner, v2=self.use_v2_model_runner)
        selection = None if step is None else self.scorer.select(step)
        if step is None or selection is None:
            return super().sample_tokens(grammar_output)
        if self.scorer.needs_logits(selection):
            tell(
                self.taps,
                partial(self.scorer.before_sampling, selection),
                partial(self.scorer.after_sampling, selection),
            )
        try:
            output = super().sample_tokens(grammar_output)
        finally:
            tell(self.taps, None, None)
        return _attach(output, selection, self.scorer.scores(selection, step.hidden))


def _attach(output: Any, selection: Selection, scores: StepScores | torch.Tensor) -> Any:
    if isinstance(scores, StepScores):
        return _with_scores(output, scores)
    if isinstance(output, AsyncModelRunnerOutput):
        return _ScoredAsyncOutput(output, selection, scores)
    return _with_scores(output, step_scores(selection, scores))


class _ScoredAsyncOutput(AsyncModelRunnerOutput):
    """vLLM's pending output with ours: the copy to the host overlaps the next step."""

    def __init__(self, inner: Any, selection: Selection, values: torch.Tensor) -> None:
        self._inner, self._selection = inner, selection
        self._device_values = values  # held until the copy is done
        self._host_values = values.to("cpu", non_blocking=True)
        self._copied = torch.Event()
        self._copied.record()

    def get_output(self) -> ModelRunnerOutput:
        output = self._inner.get_output()
        self._copied.synchronize()
        del self._device_values
        return _with_scores(output, step_scores(self._selection, self._host_values))

    def get_kv_connector_output(self) -> Any:
        """Asked for since vLLM 0.33, where ``get_output`` fails."""
        return self._inner.get_kv_connector_output()


def _with_scores(output: ModelRunnerOutput, scores: StepScores) -> ModelRunnerOutput:
    if scores.req_ids:  # so that it is not the empty output, which all steps share
        setattr(output, KEY, scores)
    return output
