"""``arrol-eval tune`` from its words to its presets: read this first."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.files import replacing
from arrol_serve.presets import FILE
from arrol_serve.quality.artifact import load_manifest
from trainer.errors import DataError
from trainer.evaluation.answer_option import parse_answer
from trainer.evaluation.datasets import Item, load, set_of
from trainer.evaluation.evaluate import run_settings, source_of, tell_unusable
from trainer.evaluation.grading import unusable
from trainer.evaluation.runs import open_folder
from trainer.evaluation.tuning.choose import Uniform, choose, shown_front, uniform_votes_of
from trainer.evaluation.tuning.engine_time import EngineTime
from trainer.evaluation.tuning.grid import recorded_positions
from trainer.evaluation.tuning.live import LiveEngine
from trainer.evaluation.tuning.one_pass import sample_pass
from trainer.evaluation.tuning.options import LEAST_QUESTIONS, TuneOptions
from trainer.evaluation.tuning.plot import draw
from trainer.evaluation.tuning.presets import presets_file, write_presets
from trainer.evaluation.tuning.recorded import Recorded, halves
from trainer.evaluation.tuning.report import markdown
from trainer.evaluation.tuning.results import beside, plan_row, uniform_rows
from trainer.evaluation.tuning.run_presets import run_presets
from trainer.evaluation.tuning.search import Found, find
from trainer.evaluation.tuning.sweep import Measured, Sweep, replay_processes
from trainer.evaluation.tuning.trust import trusted
from trainer.provenance import provenance

FRONT = 12
"""Plans of the front in the report."""


def tune(asked: TuneOptions) -> None:
    """Sample what is missing, replay, choose, run, report. Raises what ``cli.main`` prints."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    with ExitStack() as stack:
        run = _Tuning(asked, stack)
        questions = run.sample()
        first, second = halves(questions, run.texts)
        with replay_processes() as processes:
            engine = run.engine_time()
            sweep = Sweep(processes, first, run.server, engine)
            found = find(sweep, run.asked.policies, run.evaluation.seed)
            chosen = choose(found.plans, uniform_votes_of(first), engine)
            presets = {name: trusted(sweep, plan) for name, plan in chosen.items()}
            front = shown_front(found.plans, uniform_votes_of(first), FRONT)
            bodies = [plan.body for plan in (*front, *presets.values())]
            reported = Sweep(processes, second, run.server, engine).measure(bodies, "second half")
        shown = dict(zip(presets, reported[len(front) :], strict=True))
        live = run.run_presets(second, presets) if run.asked.run else {}
        body = run.about(questions, first, second, found) | {"engine": asdict(engine)}
        votes = uniform_votes_of(first), uniform_votes_of(second)
        body |= _rows(front, reported[: len(front)], shown, live, votes, engine)
        run.write(body, presets)


class _Tuning:
    """What the steps of one tuning share."""

    def __init__(self, asked: TuneOptions, stack: ExitStack) -> None:
        self.asked, self.evaluation, self._stack = asked, asked.evaluation, stack
        self._spec = parse_answer(self.evaluation.answer)
        self._manifest = load_manifest(asked.head)
        self._items = load(self.evaluation.data.split(","), source_of(self.evaluation))
        head = f"{self._manifest.id} {self._manifest.version}"
        self._settings = run_settings(self.evaluation, self._items, "tune") | {"head": head}
        open_folder(self.evaluation.out, self._settings)
        self._pool = AnswerPool(workers=2, timeout_s=self.evaluation.answer_timeout)
        stack.callback(self._pool.close)
        self._items = self._usable()

    @property
    def server(self) -> dict[str, Any]:
        """The configuration that plans are resolved under: the head, and its constants."""
        manifest = self._manifest
        named = {"head": str(self.asked.head), "head_id": manifest.id, "probes": manifest.probes}
        return {**named, "belief": manifest.belief, "max_samples": self.evaluation.samples}

    @cached_property
    def _engine(self) -> LiveEngine:
        """Built when it is needed: a finished pass that is replayed again needs none."""
        engine = LiveEngine(
            self.asked.model,
            self.asked.head,
            self.evaluation.settings,
            self._items,
            self.evaluation.max_model_len,
        )
        self._stack.callback(engine.close)
        return engine

    @property
    def texts(self) -> dict[str, str]:
        """By id what is asked."""
        return {item.id: item.question for item in self._items}

    def _usable(self) -> list[Item]:
        problems = unusable(self._pool, self._items, self._spec)
        tell_unusable(problems)
        found = [item for item in self._items if item.id not in problems]
        if len(found) < LEAST_QUESTIONS:
            raise DataError(
                f"{len(found)} questions with a usable gold answer: a tuning needs at least "
                f"{LEAST_QUESTIONS}, of which half choose, and some hundred to be worth anything"
            )
        return found

    def sample(self) -> list[Recorded]:
        """The unpruned pass; what is kept is not sampled again."""
        probes = recorded_positions(self.evaluation.max_tokens)
        return sample_pass(
            lambda items: self._engine.sample(items, probes),
            self._pool,
            self._items,
            self.evaluation.out,
            self._spec,
            keep_replies=self.evaluation.replies,
        )

    def engine_time(self) -> EngineTime:
        """Measured once a folder, on an idle engine: choosing again comes to the same presets."""
        path = self.evaluation.out / "engine.json"
        if not path.exists():
            taken = self._engine.time(self._items[0], self.asked.at_once)
            with replacing(path) as part:
                part.write_text(json.dumps(asdict(taken), indent=1) + "\n")
        try:
            kept = TypeAdapter(EngineTime).validate_json(path.read_bytes())
        except ValidationError as error:
            raise DataError(f"{path} is corrupted; delete it to have it measured again") from error
        return replace(kept, at_once=self.asked.at_once)

    def run_presets(
        self, half: Sequence[Recorded], presets: Mapping[str, Measured]
    ) -> dict[str, Measured]:
        """Each preset really run on these questions, in their order."""
        by_id = {item.id: item for item in self._items}
        items = [by_id[question.id] for question in half]
        bodies = {name: plan.body for name, plan in presets.items()}
        return run_presets(self._engine, items, bodies, self.server, self._pool, self._spec)

    def about(
        self,
        questions: Sequence[Recorded],
        first: Sequence[Recorded],
        second: Sequence[Recorded],
        found: Found,
    ) -> dict[str, Any]:
        """What was tuned, on what, how."""
        cut = sum(ballot is None for q in questions for ballot in q.ballots)
        return {
            "settings": self._settings,
            "head": {"id": self._manifest.id, "version": self._manifest.version},
            "sets": list(dict.fromkeys(set_of(item.id) for item in self._items)),
            "questions": len(questions),
            "chosen_on": len(first),
            "reported_on": len(second),
            "truncated": cut / sum(len(q.ballots) for q in questions),
            "plans": found.tried,
            "replays": found.replays,
        }

    def write(self, body: Mapping[str, Any], presets: Mapping[str, Measured]) -> None:
        """The figures, the report, the picture and the presets file."""
        folder = self.evaluation.out
        (folder / "tune.json").write_text(json.dumps(body, indent=1) + "\n")
        text = markdown(body)
        (folder / "report.md").write_text(text)
        draw(body, folder / "tune.png")
        made = provenance({"settings": self._settings, "questions": body["questions"]})
        bodies = {name: plan.body for name, plan in presets.items()}
        file = presets_file(bodies, self.asked.model, self._settings["model"], self._manifest, made)
        write_presets(file, folder / FILE)
        print(text)
        print(
            f"Presets: {folder / FILE}. arrol-serve takes them with --presets {folder / FILE}, or when "
            f"they lie in {self.asked.head}."
        )


def _rows(
    front: Sequence[Measured],
    reported: Sequence[Measured],
    shown: Mapping[str, Measured],
    live: Mapping[str, Measured],
    votes: tuple[Mapping[int, Uniform], Mapping[int, Uniform]],
    engine: EngineTime,
) -> dict[str, Any]:
    """``votes``: of the first half, and of the second."""
    before, after = votes
    return {
        "uniform": uniform_rows(after, engine),
        "front_chosen": [plan_row(plan, before, engine) for plan in front],
        "front": [plan_row(plan, after, engine) for plan in reported],
        "presets": {name: plan_row(plan, after, engine) for name, plan in shown.items()},
        "live": {name: beside(plan, shown[name], after, engine) for name, plan in live.items()},
    }
