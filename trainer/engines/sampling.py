"""Samples rollout groups in an engine in this process, pruned or recorded by the serving plugin."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arrol_serve.engine.plugin.wire import CONFIDENCE_WINDOW, KEY, GroupPlan, MemberPlan, packed
from trainer.prompts.chat import Messages, Turns, messages
from trainer.sections import PLAIN_CHAT, ChatSection

IN_PROCESS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
}
"""vLLM's settings for an engine that one script owns, where the user has none."""
NEVER: dict[str, Any] = {"name": "never"}
SETTLE_S = 60.0


@dataclass(frozen=True, slots=True)
class SampledRollout:
    """One rollout as it ended, with the engine's report on it."""

    group: str
    index: int
    text: str
    token_ids: tuple[int, ...]
    finish_reason: str | None
    stop_reason: int | str | None
    report: Mapping[str, Any]
    prompt_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    """Those of ``token_ids`` as they were sampled; empty: not asked for."""

    @property
    def token_count(self) -> int:
        return len(self.token_ids)

    @property
    def truncated(self) -> bool:
        """Whether it was cut off at its longest: the server gives such a one no vote."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """One prompt and how its group is to be sampled."""

    name: str
    question: str
    seed: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0: no such filter."""
    probes: Sequence[int] = ()
    policy: Mapping[str, Any] | None = None
    signals: Sequence[str] = ()
    record: Sequence[int] | None = None
    to_end: bool = True
    """Whether last tokens are scored, and recorded, too; false: nothing past the last probe."""
    min_survivors: int = 1
    prune_by: str = "quality"
    confidence_window: int = CONFIDENCE_WINDOW
    before: Turns = ()
    """What was said before the question."""
    chat: ChatSection = PLAIN_CHAT
    prompt_ids: tuple[int, ...] = ()
    """The prompt as tokens, in place of question and chat; for an engine in this process."""

    @property
    def messages(self) -> Messages:
        return messages(self.chat, self.question, self.before)


def build_engine(
    model: Path,
    head: Path | None = None,
    *,
    sequences: int = 128,
    records: bool = True,
    **options: Any,
) -> Any:
    """A vLLM ``LLM`` in this process with the plugin loaded. One engine a process.

    ``records``: it is to record features. Raises ``HeadMismatch`` for a head that was made for another model,
    ``ConfigError`` where the engine cannot record.
    """
    _check_recording(records, options)
    with _environment(IN_PROCESS):
        from vllm import LLM

        from arrol_serve.engine.plugin.compat import check_seam
        from arrol_serve.engine.plugin.seams import OFFLINE

        check_seam(OFFLINE)
        return LLM(**_arguments(model, head, sequences, records, options))


def build_async_engine(
    model: Path, head: Path | None = None, *, sequences: int = 128, **options: Any
) -> Any:
    """As ``build_engine``, the ``AsyncLLM`` that a server has: its core is a process of its own.

    Call it where its event loop runs. Raises what ``build_engine`` raises.
    """
    _check_recording(True, options)
    with _environment(IN_PROCESS):
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = _arguments(model, head, sequences, True, options)
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments, disable_log_stats=True))


def _check_recording(records: bool, options: Mapping[str, Any]) -> None:
    from vllm.platforms import current_platform

    from trainer.errors import ConfigError

    if records and options.get("speculative_config") and not current_platform.is_cpu():
        raise ConfigError(
            "An engine that drafts on a GPU records no features, since only the GPU knows how many "
            "tokens a step brought: leave speculative_config out.",
            param="speculative_config",
        )


def _arguments(
    model: Path, head: Path | None, sequences: int, records: bool, options: Mapping[str, Any]
) -> dict[str, Any]:
    from vllm.platforms import current_platform

    from arrol_serve.engine.setup import check_base_model, engine_options
    from arrol_serve.quality.artifact import load_manifest

    if head is not None:
        check_base_model(load_manifest(head), str(model))
    # Compiling takes a minute on a CPU and gains a tiny model nothing; a GPU wants its graphs.
    eager = current_platform.is_cpu()
    defaults = {"dtype": "float32", "max_model_len": 512, "seed": 0, "enforce_eager": eager}
    named = {"model": str(model), "max_num_seqs": sequences}
    return {**named, **defaults, **engine_options(head, records=records), **options}


@contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Variables that nobody has set. Taken back: servers started later would inherit them."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def sample_groups(
    engine: Any,
    groups: Sequence[GroupRequest],
    samples: int,
    *,
    max_tokens: int = 256,
    progress: bool = False,
    logprobs: bool = False,
) -> list[list[SampledRollout]]:
    """``samples`` rollouts of each group, in order; rollout i is sampled with seed + i.

    ``logprobs``: with the log-probability of each sampled token, as the engine's mode has it. All groups
    have one chat template, or prompts of tokens.
    """
    from vllm.sampling_params import SamplingParams

    prompts, params = [], []
    for group in groups:
        for index in range(samples):
            prompts.append(
                {"prompt_token_ids": list(group.prompt_ids)} if group.prompt_ids else group.messages
            )
            params.append(
                SamplingParams(
                    temperature=group.temperature,
                    top_p=group.top_p,
                    top_k=group.top_k,
                    max_tokens=max_tokens,
                    seed=group.seed + index,
                    stop=list(group.chat.stop),
                    logprobs=0 if logprobs else None,
                    flat_logprobs=logprobs,
                    extra_args={KEY: packed(member_plan(group, index, samples))},
                )
            )
    template = dict(groups[0].chat.template) if groups else {}
    if groups and groups[0].prompt_ids:
        outputs = engine.generate(prompts, params, use_tqdm=progress)
    else:
        outputs = engine.chat(prompts, params, use_tqdm=progress, chat_template_kwargs=template)
    _settle(engine)
    rollouts = [
        sampled_rollout(groups[i // samples].name, i % samples, output)
        for i, output in enumerate(outputs)
    ]
    return [rollouts[i : i + samples] for i in range(0, len(rollouts), samples)]


def _settle(engine: Any) -> None:
    """Return when the workers know that all rollouts have ended: they learn it one step later.

    An engine in a process of its own takes that step itself. ``RuntimeError`` if it does not.
    """
    steps_here = hasattr(engine.llm_engine.engine_core, "engine_core")
    end = time.monotonic() + SETTLE_S
    while any(worker["scored_requests"] for worker in engine.collective_rpc("arrol_status")):
        if time.monotonic() > end:
            raise RuntimeError(f"the engine holds rollouts {SETTLE_S:g} s after they have ended")
        if steps_here:
            engine.llm_engine.step()
        else:
            time.sleep(0.001)


def member_plan(group: GroupRequest, index: int, size: int) -> MemberPlan:
    return GroupPlan(
        search=group.name,
        size=size,
        candidates=size,
        probes=group.probes,
        policy=group.policy or NEVER,
        seed=group.seed,
        min_survivors=group.min_survivors,
        signals=group.signals,
        prune_by=group.prune_by,
        confidence_window=group.confidence_window,
        record=group.record,
        to_end=group.to_end,
    ).member(index)


def sampled_rollout(group: str, index: int, output: Any) -> SampledRollout:
    from arrol_serve.engine.output import read_output

    reply = read_output(output)
    return SampledRollout(
        group=group,
        index=index,
        text=reply.text,
        token_ids=reply.token_ids,
        finish_reason=reply.finish_reason,
        stop_reason=reply.stop_reason,
        report=reply.report or {},
        prompt_ids=reply.prompt_ids,
        logprobs=reply.logprobs,
    )
