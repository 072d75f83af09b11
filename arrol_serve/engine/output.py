"""What the engine returns for one candidate, read in one place."""

from __future__ import annotations

from dataclasses import dataclass

from vllm.outputs import RequestOutput

from arrol_serve.engine.plugin.wire import KEY, Report


@dataclass(frozen=True, slots=True)
class EngineReply:
    """An ended candidate, its prompt and the plugin's report on it."""

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str | None
    stop_reason: int | str | None
    report: Report | None
    """None: the request was no member of a group."""
    prompt_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Log-probabilities of ``token_ids`` as sampled; empty: not asked for as ``flat_logprobs``."""


def read_output(output: RequestOutput) -> EngineReply:
    """Read the output of a request with one completion."""
    completion = output.outputs[0]
    return EngineReply(
        text=completion.text,
        token_ids=tuple(completion.token_ids),
        finish_reason=completion.finish_reason,
        stop_reason=completion.stop_reason,
        report=_report(output, len(completion.token_ids)),
        prompt_ids=tuple(output.prompt_token_ids or ()),
        logprobs=tuple(getattr(completion.logprobs, "logprobs", ())),
    )


def _report(output: RequestOutput, tokens: int) -> Report | None:
    """The plugin's report as of the last of ``tokens``: the engine may have gone beyond a stop string."""
    report: Report | None = (output.kv_transfer_params or {}).get(KEY)
    if report is None or not 0 < report["tokens"] - tokens <= len(report["earlier"]):
        return report
    quality, confidence = report["earlier"][report["tokens"] - tokens - 1]
    return Report(**report | {"quality": quality, "confidence": confidence})
