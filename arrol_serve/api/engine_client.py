"""The engine client that vLLM's serving classes call: a request with a ticket becomes a search.

Everything around it (templates, tool and reasoning parsers, structured output, log-probabilities,
streaming) is vLLM's and sees an ordinary ``RequestOutput`` with the winners as its choices.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec
from vllm.exceptions import GenerationError
from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind, SamplingParams

from arrol_serve import metrics
from arrol_serve.admission.demand import Request
from arrol_serve.answers.book import AnswerBook
from arrol_serve.answers.pool import AnswerPool
from arrol_serve.api.admission import Admission, Turn
from arrol_serve.api.middleware.caller import CALLER
from arrol_serve.api.reply.outputs import in_pieces, opening, prompt_ids, together
from arrol_serve.api.request_log import RequestRecord, logged
from arrol_serve.api.spread import EngineSpread
from arrol_serve.api.ticket import SearchTicket, claim_ticket
from arrol_serve.engine.candidates import EngineCall, EngineCandidates
from arrol_serve.engine.pictures import Shown
from arrol_serve.engine.plugin.wire import KEY
from arrol_serve.engine.watch import StepWatch
from arrol_serve.errors import ArrolError, InvalidRequest
from arrol_serve.pipeline import search
from arrol_serve.sampling_plan import SearchPlan
from arrol_serve.sampling_plan.groups import group_plan
from arrol_serve.search.progress import Listener, Progress


class SearchingEngineClient:
    """Wraps vLLM's ``AsyncLLM``; what it does not define is the inner client's."""

    def __init__(
        self,
        inner: Any,
        pool: AnswerPool,
        admission: Admission,
        on_end: Callable[[SearchTicket], None],
    ) -> None:
        self._inner, self._pool, self._on_end = inner, pool, on_end
        self._admission = admission
        self._watch = StepWatch(inner)
        self._spread = EngineSpread(inner.vllm_config.parallel_config.data_parallel_size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def generate(
        self, prompt: Any, sampling_params: SamplingParams, request_id: str, **options: Any
    ) -> AsyncGenerator[RequestOutput, None]:
        """vLLM's ``generate``; the search runs when the generator is first awaited.

        Raises ``InvalidRequest`` where a client, through a route that is not ours, sent the keys by
        which this process talks to its engine: a plan of its own making could harm the scheduler; and
        for integers that cannot travel to it.
        """
        shown = Shown(prompt, self._inner)  # first: what is refused here is not sent
        if KEY in (getattr(sampling_params, "extra_args", None) or {}):
            raise InvalidRequest(
                f"{KEY!r} is reserved among a request's extra arguments: searches are asked for "
                'with the object "arrol" in the body.',
                param=KEY,
            )
        _check_integers(sampling_params)
        ticket = claim_ticket()
        call = EngineCall(prompt, sampling_params, request_id, options, shown)
        patience = None if ticket is None else ticket.plan.deadline_s
        caller, request = CALLER.get(), self._request(call, ticket)
        turn = self._admission.admit(caller, request, patience)
        record = RequestRecord(request_id, caller, request.samples, request.search)
        if ticket is None:
            return self._plain(call, turn, record)
        return self._search(ticket, call, turn, record)

    def _request(self, call: EngineCall, ticket: SearchTicket | None) -> Request:
        longest = self._inner.vllm_config.model_config.max_model_len
        prompt = len(prompt_ids(call))
        return Request(
            samples=call.params.n if ticket is None else ticket.plan.at_once,
            prompt_tokens=prompt,
            max_tokens=min(call.params.max_tokens or longest, max(1, longest - prompt)),
            search=ticket is not None,
        )

    async def _plain(
        self, call: EngineCall, turn: AbstractAsyncContextManager[Turn], record: RequestRecord
    ) -> AsyncGenerator[RequestOutput, None]:
        with _errors_for(call), logged(record), self._watch.counting() as tally:
            async with turn as got, aclosing(self._generate(call)) as outputs:
                record.queue_ms = round(got.waited_s * 1000)
                try:
                    async for output in outputs:
                        yield output
                finally:  # a client that leaves pays for what was generated
                    record.tokens = got.generated = tally.tokens

    def _generate(self, call: EngineCall) -> AsyncGenerator[RequestOutput, None]:
        assert call.shown is not None  # noqa: S101  # generate saw to it
        prompt = call.shown.first()
        return self._inner.generate(prompt, call.params, call.request_id, **call.options)

    async def _search(
        self,
        ticket: SearchTicket,
        call: EngineCall,
        turn: AbstractAsyncContextManager[Turn],
        record: RequestRecord,
    ) -> AsyncGenerator[RequestOutput, None]:
        streaming = call.params.output_kind is not RequestOutputKind.FINAL_ONLY
        if (
            streaming and ticket.opens
        ):  # lets vLLM send the role chunk while the search waits and goes on
            yield opening(call)
        try:
            with _errors_for(call), logged(record):
                winners = await self._winners(ticket, call, turn, record)
        except GenerationError:
            if ticket.quiet:
                return
            raise
        if not streaming:
            yield together(winners, call)
            return
        tokenizer = self._inner.renderer.tokenizer
        for output in in_pieces(winners, call, tokenizer):
            yield output

    async def _winners(
        self,
        ticket: SearchTicket,
        call: EngineCall,
        turn: AbstractAsyncContextManager[Turn],
        record: RequestRecord,
    ) -> list[RequestOutput]:
        """The best candidates' outputs; the ticket knows the outcome, or the failure."""
        metrics.IN_FLIGHT.inc()
        try:
            async with turn as got:
                record.queue_ms = round(got.waited_s * 1000)
                try:
                    candidates = await self._run(ticket, call, got)
                finally:  # a client that leaves pays for what was generated
                    record.tokens = got.generated = ticket.spent_tokens
        except Exception as error:
            ticket.failure = error
            raise
        finally:
            self._on_end(ticket)
        assert ticket.outcome is not None  # noqa: S101  # or _run has raised
        record.stop = ticket.outcome.stop
        winners = [candidates.outputs[index] for index in ticket.outcome.ranked]
        ticket.prompt_tokens = len(winners[0].prompt_token_ids or ())
        return winners

    async def _run(self, ticket: SearchTicket, call: EngineCall, turn: Turn) -> EngineCandidates:
        """The search on one engine: the one a caller named, or the one with the least to do."""
        with self._spread.place(ticket.plan.at_once) as place:
            asked = call.options.get("data_parallel_rank")
            options = {**call.options, "data_parallel_rank": place.rank if asked is None else asked}
            followed = ticket.plan.stop_rule is not None or ticket.plan.stream == "progress"
            candidates = EngineCandidates(
                self._inner,
                replace(call, options=options),
                replace(group_plan(ticket.plan), adapter=ticket.adapter),
                self._watch if followed else None,
            )
            book = AnswerBook(self._pool, ticket.plan.answer)
            plan = _after(ticket.plan, turn.waited_s)

            def holds(running: int) -> None:
                place.holds(running)
                turn.holds(running)

            try:
                ticket.outcome = await search(
                    candidates,
                    book,
                    plan,
                    choices=ticket.choices,
                    listener=_tell(ticket),
                    holds=holds,
                    generated=lambda: turn.end(candidates.generated, candidates.launched),
                )
            finally:
                ticket.spent_tokens = candidates.generated
                ticket.head_version = candidates.head_version
                ticket.engine_groups = candidates.engine_groups
        return candidates


def _check_integers(params: SamplingParams) -> None:
    """vLLM bounds some of them, and fails without a word where it sends the others to the engine."""
    for name in params.__struct_fields__:
        try:
            msgspec.msgpack.encode(getattr(params, name), enc_hook=lambda _: None)
        except OverflowError:
            raise InvalidRequest(
                f"{name} holds an integer that is too large: the engine takes -2**63 to 2**64 - 1.",
                param=name,
            ) from None


@contextmanager
def _errors_for(call: EngineCall) -> Iterator[None]:
    """Turn errors of a stream into the kind that vLLM makes an event of without logging a traceback."""
    try:
        yield
    except ArrolError as error:
        if call.params.output_kind is RequestOutputKind.FINAL_ONLY:
            raise
        told = GenerationError(error.message)
        told.status_code = HTTPStatus(error.status)
        raise told from error


def _after(plan: SearchPlan, waited_s: float) -> SearchPlan:
    """The deadline counts from the request's arrival."""
    if plan.deadline_s is None:
        return plan
    return replace(plan, deadline_s=max(0.0, plan.deadline_s - waited_s))


def _tell(ticket: SearchTicket) -> Listener | None:
    """The ticket's listener, looked up at each event: streams attach theirs after the search began."""

    def tell(progress: Progress) -> None:
        if ticket.listener is not None:
            ticket.listener(progress)

    return tell if ticket.plan.stream == "progress" else None
