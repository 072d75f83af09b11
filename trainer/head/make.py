"""Make a quality head for any model: sample in the serving engine, verify, fit, calibrate, report.

The engine records the head's inputs while it generates, so nothing is computed twice.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from transformers import AutoConfig

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.engine.identity import weights_sha256
from arrol_serve.quality.artifact import HeadManifest, save_head
from arrol_serve.quality.calibration import within_group_auc
from arrol_serve.quality.head import QualityHead
from arrol_serve.quality.statistics import STATISTICS
from trainer.engines.base import RecordingSampler
from trainer.engines.local import LocalEngine
from trainer.engines.sampling import build_engine
from trainer.errors import ConfigError, one_line
from trainer.head.answers import Answers, read_answers, scored_groups
from trainer.head.artefact import base_model_facts, head_digest
from trainer.head.belief import answer_reliability, fit_belief
from trainer.head.collect import SHARD, collect, usable
from trainer.head.data import HeadData
from trainer.head.fit import FitOptions, fit_head, quality_reliability, report, split_groups
from trainer.head.job import HeadJob, Question
from trainer.head.layers import check_layers, compare_layers
from trainer.head.majority import against_golds, majorities, relabelled
from trainer.head.recompute import Recomputer
from trainer.head.saving import saving_table
from trainer.head.told.card import write_card
from trainer.prompts.equals import first_of_equals
from trainer.provenance import provenance

INPUT_SETS = {
    "hidden and statistics": ("hidden", "statistics"),
    "hidden only": ("hidden",),
    "statistics only": ("statistics",),
}
SPLIT = (0.7, 0.15, 0.15)
PROBE_SHARE = 0.3
"""Share of the mean length at which the default probe is put, unless one is asked for."""
FEWEST = 20
"""Questions; with fewer the parts of the split say nothing."""


def make_head(
    job: HeadJob,
    about: Mapping[str, Any],
    open_sampler: Callable[[], RecordingSampler] | None = None,
) -> HeadManifest:
    """Write head, manifest, card, ablation and plots to ``job.out``. ``about`` joins the provenance.

    ``open_sampler`` is asked for rollouts where some are missing; the default is an engine in this
    process. Raises ``ConfigError`` where the questions cannot teach a head.
    """
    config = _config(job)
    check_layers(job.layers, config.get_text_config().num_hidden_layers)
    questions, unusable = usable_questions(job)
    claim(job)
    sampler = open_sampler or (lambda: LocalEngine(build_engine(job.model)))
    recompute = (lambda: Recomputer(job.model).features) if job.recompute else None
    data = collect(questions, job, sampler, recompute)
    equals = first_of_equals([question.text for question in questions])
    parts = split_groups(data, SPLIT, job.seed, equals)
    golds = {i for i, question in enumerate(questions) if question.gold is not None}
    (fit, calibrate, test), answers, labels = labelled_parts(job, parts, golds)
    for name, part in (("fit", fit), ("calibration", calibrate), ("test", test)):
        check_mixed(name, part)
    facts = base_model_facts(config, job.name, weights_sha256(str(job.model)))
    hidden_size = facts.hidden_size
    ablation, head = compare(fit, calibrate, test, hidden_size, job)
    if labels is not None and golds:
        judged = parts[2].where(np.isin(parts[2].group, list(golds)))
        labels |= {"test_against_golds": report(head, judged, hidden_size, job.positions)}
    belief = fit_belief(scored_groups(head, calibrate, hidden_size, answers))
    believed = answer_reliability(scored_groups(head, test, hidden_size, answers), belief)
    ablation |= compare_layers(data, job, hidden_size, SPLIT, equals)
    manifest = HeadManifest(
        id=f"{job.name}-head",
        version=f"{datetime.now(UTC):%Y%m%d}-{head_digest(head)}",
        license=job.license,
        base_model=facts,
        inputs=head.inputs,
        width=head.width,
        probes=(job.probe or default_probe(data, job.positions),),
        metrics=ablation["hidden and statistics"],
        belief=belief,
        provenance=provenance(
            {
                "questions": len(questions),
                "unusable_golds": len(unusable),
                "samples": job.samples,
                "seed": job.seed,
                "split": "70 % fit, 15 % calibration, 15 % test",
                "labels": labels or "gold",
                **about,
            }
        ),
    )
    saving = saving_table(head, test, hidden_size, job.positions)
    save_head(job.out, head, manifest)
    single = alone(test, job.positions)
    details = {"inputs": ablation, "statistics alone": single, "saving": saving}
    details |= {"answers": believed, "reliability": quality_reliability(head, test, hidden_size)}
    (job.out / "ablation.json").write_text(json.dumps(details, indent=2) + "\n")
    write_card(job.out, manifest, details, len(np.unique(test.group)))
    return manifest


Parts = Sequence[HeadData]


def labelled_parts(
    job: HeadJob, parts: Parts, golds: set[int]
) -> tuple[Parts, Answers, dict[str, Any] | None]:
    """The parts as they are fitted on, the answers of at least those after the first, and what is to be
    said of labels by majority; None: there are none.
    """
    by_majority = job.labels == "majority"
    wanted = np.unique(np.concatenate([p.group for p in (parts if by_majority else parts[1:])]))
    answers = read_answers(job, wanted.tolist(), AnswerSpec())
    if not by_majority:
        return parts, answers, None
    labels = majorities(answers)
    if len(labels) < FEWEST:
        raise ConfigError(
            f"{len(labels)} of {len(answers)} questions have a confident majority; a head needs {FEWEST} at "
            "least. Take more --samples, a lower --temperature, or easier questions."
        )
    about = against_golds(HeadData.concat(list(parts)), labels, answers, golds)
    return (
        [relabelled(part, labels, answers) for part in parts],
        answers,
        {"by": "majority", **about},
    )


def compare(
    fit: HeadData, calibrate: HeadData, test: HeadData, hidden_size: int, job: HeadJob
) -> tuple[dict[str, dict[str, dict[str, float]]], QualityHead]:
    """Fit one head for each set of inputs; return the test reports and the head to ship."""
    reports, heads = {}, {}
    options = FitOptions(seed=job.seed)
    for name, inputs in INPUT_SETS.items():
        heads[name] = fit_head(fit, calibrate, hidden_size, replace(options, inputs=inputs))
        reports[name] = report(heads[name], test, hidden_size, job.positions)
    plain = fit_head(fit, calibrate, hidden_size, replace(options, rank_weight=0.0))
    reports["hidden and statistics, no ranking term"] = report(
        plain, test, hidden_size, job.positions
    )
    return reports, heads["hidden and statistics"]


def alone(test: HeadData, positions: Sequence[int]) -> dict[str, dict[str, float]]:
    """AUC within group of each running statistic by itself, by position; under 0.5: lower is better."""
    table: dict[str, dict[str, float]] = {}
    first = test.features.shape[1] - len(STATISTICS)
    for column, name in enumerate(STATISTICS, first):
        table[name] = {}
        for place, mask in test.places(positions).items():
            found = within_group_auc(
                test.features[mask, column], test.correct[mask], test.group[mask], draws=1
            )
            table[name][place] = float(found.value)
    return table


def default_probe(data: HeadData, positions: Sequence[int]) -> int:
    """The last position within ``PROBE_SHARE`` of the mean length; the first if there is none."""
    mean = float(data.tokens[data.final].mean())
    return max((p for p in positions if p <= PROBE_SHARE * mean), default=positions[0])


def _config(job: HeadJob) -> Any:
    try:
        return AutoConfig.from_pretrained(job.model)
    except Exception as error:  # whatever transformers raises on what it cannot read
        raise ConfigError(
            f"--model {job.model}: its config.json cannot be used: {one_line(error)}"
        ) from error


def usable_questions(job: HeadJob) -> tuple[list[Question], dict[str, str]]:
    """Questions with golds that can be compared with. Names the others, which labels by majority take
    without their golds; refuses to go on with few.
    """
    pool = AnswerPool(workers=1, timeout_s=5.0)
    try:
        good, bad = usable(job.questions, pool)
    finally:
        pool.close()
    left_out = "left out"
    if job.labels == "majority":
        good = [q if q.text not in bad else replace(q, gold=None) for q in job.questions]
        left_out = "taken without its gold"
    for text, why in bad.items():
        print(f"{left_out}: {why}, in the question {text[:80]!r}", file=sys.stderr)
    if len(good) < FEWEST:
        raise ConfigError(
            f"{len(good)} usable questions are too few for a head: it takes at least {FEWEST}, and "
            "hundreds to be worth something."
        )
    return good, bad


def claim(job: HeadJob) -> None:
    """Shards of another job must not be taken for this one's."""
    facts = [job.name, weights_sha256(str(job.model)), job.samples, job.max_tokens, job.seed, SHARD]
    how = [job.chat.model_dump(mode="json"), job.top_p, job.top_k]
    text = json.dumps([*facts, how, job.positions, [astuple(q) for q in job.questions]])
    digest = hashlib.sha256(text.encode()).hexdigest()
    job.work.mkdir(parents=True, exist_ok=True)
    mark = job.work / "job"
    if not any(job.work.glob("[0-9]*")):  # nothing sampled yet: the engine did not start, perhaps
        mark.write_text(digest + "\n")
    if not mark.exists() or mark.read_text().strip() != digest:
        raise ConfigError(
            f"{job.work} holds rollouts that were sampled with another model or other settings: name "
            "another folder with --work, or remove it."
        )


def check_mixed(name: str, part: HeadData) -> None:
    ended = part.correct[part.final]
    if ended.any() and not ended.all():
        return
    state = "right" if len(ended) and ended.all() else "wrong"
    raise ConfigError(
        f"All rollouts of the {name} questions are {state}: there is nothing to tell apart. Take "
        "questions that the model gets right sometimes, or look at --max-tokens and the gold answers."
    )
