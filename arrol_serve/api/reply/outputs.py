"""What a search hands to vLLM's serving classes: ordinary ``RequestOutput`` objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from vllm.outputs import CompletionOutput, RequestOutput

from arrol_serve.api.reply.rechunk import token_pieces
from arrol_serve.engine.candidates import EngineCall
from arrol_serve.engine.plugin.wire import KEY


def request_output(
    call: EngineCall, like: RequestOutput | None, outputs: Sequence[CompletionOutput], *, done: bool
) -> RequestOutput:
    base = like
    return RequestOutput(
        request_id=call.request_id,
        prompt=base.prompt if base else None,
        prompt_token_ids=base.prompt_token_ids if base else list(prompt_ids(call)),
        prompt_logprobs=base.prompt_logprobs if base else None,
        outputs=list(outputs),
        finished=done,
        metrics=base.metrics if base else None,
        num_cached_tokens=base.num_cached_tokens if base else None,
        kv_transfer_params=_without_ours(base.kv_transfer_params) if base else None,
    )


def prompt_ids(call: EngineCall) -> Sequence[int]:
    """Token ids of a rendered prompt; none for prompts in other forms."""
    known = call.prompt.get("prompt_token_ids") if isinstance(call.prompt, Mapping) else None
    return known or ()


def _without_ours(params: dict[str, Any] | None) -> dict[str, Any] | None:
    rest = {k: v for k, v in (params or {}).items() if k != KEY}
    return rest or None


def opening(call: EngineCall) -> RequestOutput:
    return request_output(call, None, [], done=False)


def together(winners: Sequence[RequestOutput], call: EngineCall) -> RequestOutput:
    choices = []
    for index, winner in enumerate(winners):
        choice = copy(winner.outputs[0])
        choice.index = index
        choices.append(choice)
    return request_output(call, winners[0], choices, done=True)


def in_pieces(
    winners: Sequence[RequestOutput], call: EngineCall, tokenizer: Any
) -> list[RequestOutput]:
    """The winners as vLLM would have streamed them, token by token."""
    pieces = []
    for index, winner in enumerate(winners):
        whole = winner.outputs[0]
        parts = token_pieces(tokenizer, list(whole.token_ids), whole.text)
        start = 0
        for number, (ids, text) in enumerate(parts):
            last = number == len(parts) - 1
            logprobs = whole.logprobs[start : start + len(ids)] if whole.logprobs else None
            start += len(ids)
            piece = CompletionOutput(
                index=index,
                text=text,
                token_ids=ids,
                cumulative_logprob=None,
                logprobs=logprobs,
                finish_reason=whole.finish_reason if last else None,
                stop_reason=whole.stop_reason if last else None,
            )
            done = last and index == len(winners) - 1
            pieces.append(request_output(call, winner, [piece], done=done))
    return pieces
