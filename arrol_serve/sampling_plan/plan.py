"""What one search does: the options of a request, checked against each other and the server."""

from __future__ import annotations

from dataclasses import dataclass

from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.belief import Belief
from arrol_serve.config import DEFAULT_SAMPLES, ServerConfig
from arrol_serve.errors import InvalidRequest
from arrol_serve.sampling_plan.options import (
    ArrolOptions,
    Returns,
    Scorer,
    StreamMode,
    clip,
)
from arrol_serve.sampling_plan.prune import PrunePlan, prune_plan
from arrol_serve.sampling_plan.selectors import Selectors, blamed, merged_options
from arrol_serve.sampling_plan.stopping import belief_of, stop_rule_of, waves_of
from arrol_serve.search.course import Waves
from arrol_serve.search.stop import StopRule
from arrol_serve.voting import VoteRule


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What one search does, complete and checked."""

    waves: Waves
    """How many candidates, and how many of them at a time."""
    stop_rule: StopRule | None
    """When the answer is good enough; None: there is one wave, and all of it is counted."""
    prune: PrunePlan | None
    vote: VoteRule
    """quality, rank and best weigh by the scorer's signal, whichever scorer it is."""
    scorer: Scorer
    belief: Belief | None
    """How the scores of an answer's supporters make its probability; None: they are not calibrated."""
    answer: AnswerSpec
    max_total_tokens: int | None
    deadline_s: float | None
    returns: Returns
    stream: StreamMode
    zero_temperature: float | None
    preset: str | None
    """The preset that these settings began with."""

    @property
    def samples(self) -> int:
        """Candidates at most."""
        return self.waves.samples

    @property
    def at_once(self) -> int:
        """Candidates that it is likely to have in the engine at first: two waves overlap."""
        return self.waves.after(self.waves.first).stop


def resolve(selectors: Selectors, config: ServerConfig) -> SearchPlan | None:
    """Merge the selectors key by key and check the whole. None: a plain request.

    Raises ``InvalidRequest`` with ``param`` such as ``arrol.prune.keep``.
    """
    try:
        options = merged_options(selectors, config.default, config.presets_in_force())
        return None if options is None else _plan(options, config)
    except InvalidRequest as error:
        raise blamed(error, selectors) from error


def check_defaults(config: ServerConfig) -> None:
    """Refuse a server default or alias that no request could use. Raises ``InvalidRequest``."""
    presets = {f"preset {name}": body for name, body in config.presets_in_force().items()}
    for name, options in {
        "the server default": config.default,
        **presets,
        **config.aliases,
    }.items():
        try:
            if options is not None:
                resolve(Selectors(alias=options), config.model_copy(update={"default": None}))
        except InvalidRequest as error:
            raise InvalidRequest(f"{name}: {error.message}", param=error.param) from error


def check_sampling(
    plan: SearchPlan, *, n: int, temperature: float, top_k: int | None, model: str
) -> None:
    """Refuse what a search cannot honour in the request's standard fields.

    ``temperature`` and ``top_k`` are those that would be used: the request's, or else the model's
    defaults. ``model``: the name under which requests are plain.
    """
    if not 1 <= n <= plan.samples:
        raise InvalidRequest(
            f"n must be between 1 and arrol.samples ({plan.samples}), got {clip(n)}: a search "
            "returns the best distinct answers among its candidates.",
            param="n",
        )
    plain = f'or ask for a plain completion, under the model name {model} with "arrol": false.'
    if temperature == 0 and plan.samples > 1:
        raise InvalidRequest(
            f"temperature 0 makes all {plan.samples} candidates the same: raise the temperature, "
            f"set arrol.zero_temperature, {plain}",
            param="temperature",
        )
    if top_k == 1 and plan.samples > 1:
        raise InvalidRequest(
            f"top_k 1 makes all {plan.samples} candidates the same: raise top_k, {plain}",
            param="top_k",
        )


def _plan(options: ArrolOptions, config: ServerConfig) -> SearchPlan:
    samples = _samples(options, config)
    scorer = _scorer(options, config)
    answer = options.answer
    prune = prune_plan(options.prune, samples, scorer, config)
    belief = belief_of(options, scorer, config)
    vote = _vote(options, scorer)
    return SearchPlan(
        waves=waves_of(options, samples, prune),
        stop_rule=stop_rule_of(options, vote, belief),
        prune=prune,
        vote=vote,
        scorer=scorer,
        belief=belief,
        answer=AnswerSpec(answer.extract, answer.regex, answer.json_pointer, answer.equivalence),
        max_total_tokens=_max_total_tokens(options, config),
        deadline_s=_deadline(options, config),
        returns=options.returns,
        stream=options.stream,
        zero_temperature=options.zero_temperature,
        preset=options.preset,
    )


def _samples(options: ArrolOptions, config: ServerConfig) -> int:
    given = {n for n in (options.samples, options.budget) if n is not None}
    if len(given) > 1:
        raise InvalidRequest(
            "arrol.budget is another name for arrol.samples: give one.", param="arrol.budget"
        )
    samples = given.pop() if given else min(DEFAULT_SAMPLES, config.max_samples)
    if not 1 <= samples <= config.max_samples:
        raise InvalidRequest(
            f"arrol.samples must be between 1 and {config.max_samples} on this server, "
            f"got {clip(samples)}.",
            param="arrol.samples",
        )
    return samples


def _scorer(options: ArrolOptions, config: ServerConfig) -> Scorer:
    default = config.scorer or ("head" if config.has_head else "confidence")
    scorer = options.scorer or default
    if scorer == "head" and not config.has_head:
        raise InvalidRequest(
            'There is no quality head for this model: use "scorer": "confidence", or fit a head for '
            "it and start the server with --head FOLDER, for an adapter with --head NAME=FOLDER.",
            param="arrol.scorer",
        )
    return scorer


def _vote(options: ArrolOptions, scorer: Scorer) -> VoteRule:
    if scorer == "none":
        if "vote" in options.model_fields_set and options.vote != "uniform":
            raise InvalidRequest(
                f'arrol.vote {options.vote} weighs scores, and there are none with "scorer": "none": '
                'use "uniform".',
                param="arrol.vote",
            )
        return "uniform"
    if options.vote == "evidence" and scorer != "head":
        raise InvalidRequest(
            "arrol.vote evidence weighs calibrated probabilities, which only a quality head gives: "
            'use "quality", or a server with a head.',
            param="arrol.vote",
        )
    return options.vote


def _max_total_tokens(options: ArrolOptions, config: ServerConfig) -> int | None:
    asked, cap = options.max_total_tokens, config.max_total_tokens
    if asked is not None and cap is not None and asked > cap:
        raise InvalidRequest(
            f"arrol.max_total_tokens may be at most {cap} on this server, got {clip(asked)}.",
            param="arrol.max_total_tokens",
        )
    return cap if asked is None else asked


def _deadline(options: ArrolOptions, config: ServerConfig) -> float | None:
    if options.deadline_s is not None and options.deadline_s > config.max_deadline_s:
        raise InvalidRequest(
            f"arrol.deadline_s may be at most {config.max_deadline_s:g} on this server.",
            param="arrol.deadline_s",
        )
    return options.deadline_s
