"""The engine client that vLLM's serving classes call: a request with a ticket becomes a search.

Everything around it (templates, tool and reasoning parsers, structured output, log-probabilities,
streaming) is vLLM's and sees an ordinary ``RequestOutput`` with the winners as its choices.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import replace
from typing import Any

from vllm.exceptions import GenerationError
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.sampling_params import RequestOutputKind, SamplingParams

from arrol_serve import metrics
from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.api.rechunk import token_pieces
from arrol_serve.api.spread import EngineSpread
from arrol_serve.api.ticket import TICKET_KEY, SearchTicket
from arrol_serve.engine.candidates import EngineCall, EngineCandidates, GroupOptions
from arrol_serve.engine.plugin.wire import KEY
from arrol_serve.errors import ArrolError, InvalidRequest
from arrol_serve.pipeline import Progress, search
from arrol_serve.sampling_plan import SearchPlan


class SearchingEngineClient:
    """Wraps vLLM's ``AsyncLLM``; what it does not define is the inner client's."""

    def __init__(
        self, inner: Any, pool: AnswerPool, on_end: Callable[[SearchTicket], None]
    ) -> None:
        self._inner, self._pool, self._on_end = inner, pool, on_end
        self._spread = EngineSpread(inner.vllm_config.parallel_config.data_parallel_size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def generate(
        self, prompt: Any, sampling_params: SamplingParams, request_id: str, **options: Any
    ) -> AsyncGenerator[RequestOutput, None]:
        """vLLM's ``generate``; the search runs when the generator is first awaited.

        Raises ``InvalidRequest`` where a client, through a route that is not ours, sent the keys by
        which this process talks to its engine: a plan of its own making could harm the scheduler.
        """
        extra = getattr(sampling_params, "extra_args", None) or {}
        ticket = extra.get(TICKET_KEY)
        if KEY in extra or not isinstance(ticket, SearchTicket | None):
            key = KEY if KEY in extra else TICKET_KEY
            raise InvalidRequest(
                f"{key!r} is reserved among a request's extra arguments. Searches are asked for on "
                "/v1/chat/completions and /v1/completions.",
                param=key,
            )
        if ticket is None:
            return self._inner.generate(prompt, sampling_params, request_id, **options)
        params = sampling_params.clone()
        params.extra_args = {k: v for k, v in extra.items() if k != TICKET_KEY}
        return self._placed(ticket, EngineCall(prompt, params, request_id, options))

    async def _placed(
        self, ticket: SearchTicket, call: EngineCall
    ) -> AsyncGenerator[RequestOutput, None]:
        """The search on one engine: the one a caller named, or the one with the least to do."""
        with self._spread.place(ticket.plan.samples) as rank:
            asked = call.options.get("data_parallel_rank")
            options = {**call.options, "data_parallel_rank": rank if asked is None else asked}
            async with aclosing(self._search(ticket, replace(call, options=options))) as outputs:
                async for output in outputs:
                    yield output

    async def _search(
        self, ticket: SearchTicket, call: EngineCall
    ) -> AsyncGenerator[RequestOutput, None]:
        streaming = call.params.output_kind is not RequestOutputKind.FINAL_ONLY
        if streaming:  # lets vLLM send the role chunk while the search goes on
            yield _opening(call)
        candidates = EngineCandidates(self._inner, call, _group_options(ticket.plan))
        book = AnswerBook(self._pool, ticket.plan.answer)
        metrics.IN_FLIGHT.inc()
        try:
            ticket.outcome = await search(
                candidates, book, ticket.plan, choices=ticket.choices, listener=_tell(ticket)
            )
        except ArrolError as error:
            ticket.failure = error
            if streaming:  # the kind that vLLM turns into an event without logging a traceback
                raise GenerationError(error.message) from error
            raise
        except Exception as error:
            ticket.failure = error
            raise
        finally:
            ticket.head_version = candidates.head_version
            ticket.engine_groups = candidates.engine_groups
            self._on_end(ticket)
        winners = [candidates.outputs[index] for index in ticket.outcome.ranked]
        ticket.prompt_tokens = len(winners[0].prompt_token_ids or ())
        if not streaming:
            yield _together(winners, call)
            return
        tokenizer = self._inner.renderer.tokenizer
        for output in _in_pieces(winners, call, tokenizer):
            yield output


def _tell(ticket: SearchTicket) -> Callable[[Progress], None] | None:
    """The ticket's listener, looked up at each event: streams attach theirs after the search began."""

    def tell(progress: Progress) -> None:
        if ticket.listener is not None:
            ticket.listener(progress)

    return tell if ticket.plan.stream == "progress" else None


def _group_options(plan: SearchPlan) -> GroupOptions:
    prune = plan.prune
    wanted = {"quality" if plan.scorer == "head" else "confidence"}
    if plan.vote == "confidence":
        wanted.add("confidence")
    return GroupOptions(
        probes=prune.probes if prune else (),
        policy=prune.policy if prune else {"name": "never"},
        min_survivors=prune.min_survivors if prune else 1,
        max_total_tokens=plan.max_total_tokens,
        signals=tuple(sorted(wanted)),
        prune_by="quality" if plan.scorer == "head" else "confidence",
    )


def _request_output(
    call: EngineCall, like: RequestOutput | None, outputs: Sequence[CompletionOutput], *, done: bool
) -> RequestOutput:
    base = like
    return RequestOutput(
        request_id=call.request_id,
        prompt=base.prompt if base else None,
        prompt_token_ids=base.prompt_token_ids if base else list(_prompt_ids(call)),
        prompt_logprobs=base.prompt_logprobs if base else None,
        outputs=list(outputs),
        finished=done,
        metrics=base.metrics if base else None,
        num_cached_tokens=base.num_cached_tokens if base else None,
        kv_transfer_params=_without_ours(base.kv_transfer_params) if base else None,
    )


def _prompt_ids(call: EngineCall) -> Sequence[int]:
    return call.prompt.get("prompt_token_ids") or ()


def _without_ours(params: dict[str, Any] | None) -> dict[str, Any] | None:
    rest = {k: v for k, v in (params or {}).items() if k != KEY}
    return rest or None


def _opening(call: EngineCall) -> RequestOutput:
    return _request_output(call, None, [], done=False)


def _together(winners: Sequence[RequestOutput], call: EngineCall) -> RequestOutput:
    choices = []
    for index, winner in enumerate(winners):
        choice = copy(winner.outputs[0])
        choice.index = index
        choices.append(choice)
    return _request_output(call, winners[0], choices, done=True)


def _in_pieces(
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
            pieces.append(_request_output(call, winner, [piece], done=done))
    return pieces
