"""How well replies are read: ``python -m benchmarks answers --replies FILE --golds FILE... --other PYTHON``.

``--replies``: JSON lines, packed or not, with ``reply``, ``gold``, ``style`` and ``their_verdict`` (the data
set's own: true, false or null). ``--golds``: JSON lines with ``answer``. Neither comes with the
repository. ``--other``: a Python that has math-verify, lm-eval and verl; a scorer that it lacks is left out
with a note.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from arrol_serve.answers.equivalence import equivalent
from arrol_serve.answers.kinds.form import Form
from arrol_serve.answers.kinds.registry import kind_of
from arrol_serve.answers.partition import same
from arrol_serve.answers.reading import read
from arrol_serve.answers.spec import AnswerSpec
from benchmarks.answers.scorers import SCORERS
from benchmarks.record import RESULTS, write_result

Verdicts = Callable[[Sequence[tuple[str, str]]], list[bool | None] | None]
SPEC = AnswerSpec()
OURS = "arrol-serve"
SCORERS_FILE = Path(__file__).with_name("scorers.py")
LIMIT_S = 900


def lines(path: Path) -> list[dict[str, Any]]:
    """JSON lines, packed or not."""
    packed = path.read_bytes()
    text = gzip.decompress(packed) if path.suffix == ".gz" else packed
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def by_style(
    replies: Sequence[dict[str, Any]], forms: Sequence[Form | None]
) -> list[dict[str, Any]]:
    """By style: replies, how many are read, and how often we differ from the data set's verdict."""
    groups: dict[str, list[tuple[dict[str, Any], Form | None]]] = defaultdict(list)
    for reply, form in zip(replies, forms, strict=True):
        groups[reply["style"]].append((reply, form))
    return [
        {
            "table": "style",
            "style": style,
            "replies": len(members),
            "unread": sum(form is None for _, form in members),
            "verdicts": sum(r["their_verdict"] is not None for r, _ in members),
            "differ": sum(
                r["their_verdict"] is not None and r["their_verdict"] != right(form, r["gold"])
                for r, form in members
            ),
        }
        for style, members in sorted(groups.items())
    ]


def right(form: Form | None, gold: str) -> bool:
    """Whether an answer that was read is the gold."""
    return form is not None and same(form, kind_of(gold))


def scores(
    name: str, judged: Sequence[dict[str, Any]], verdicts: Sequence[bool | None]
) -> dict[str, Any]:
    """Both kinds of difference from the data set's verdict."""
    pairs = [(bool(v), r["their_verdict"]) for v, r in zip(verdicts, judged, strict=True)]
    return {
        "table": "scorer",
        "scorer": name,
        "replies": len(pairs),
        "called_wrong": sum(theirs and not ours for ours, theirs in pairs),
        "called_right": sum(ours and not theirs for ours, theirs in pairs),
        "right": sum(theirs for _, theirs in pairs),
    }


def causes(
    judged: Sequence[tuple[dict[str, Any], Form | None]], verify: Verdicts | None
) -> dict[str, Any]:
    """Where we differ, by kind. ``verify``: math-verify, given the answer alone that was read."""
    named = [(form, r) for r, form in judged if r["their_verdict"] != right(form, r["gold"])]
    accepted = [
        (form, r["gold"]) for form, r in named if form is not None and not r["their_verdict"]
    ]
    refused = [(form, r["gold"]) for form, r in named if r["their_verdict"]]
    letters = [(form, gold) for form, gold in accepted if form.kind == "choice"]
    others = [
        (rf"$\boxed{{{form.shown}}}$", gold) for form, gold in accepted if form.kind != "choice"
    ]
    agreed = verify(others) if verify and others else None
    return {
        "table": "causes",
        "accepted": len(accepted),
        "letter_given": len(letters),
        "confirmed": None if agreed is None else sum(map(bool, agreed)),
        "refused": len(refused),
        "unread": sum(form is None for form, _ in refused),
        "letter_not_given": sum(
            form is not None and form.kind != "choice" and kind_of(gold).kind == "choice"
            for form, gold in refused
        ),
    }


def other_verdicts(
    python: str, name: str, pairs: Sequence[tuple[str, str]]
) -> list[bool | None] | None:
    """None where that Python does not have the scorer."""
    sent = "".join(json.dumps(pair) + "\n" for pair in pairs)
    done = subprocess.run(
        [python, SCORERS_FILE, name],
        input=sent,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    found = [
        json.loads(line) for line in done.stdout.splitlines() if line in ("true", "false", "null")
    ]
    if done.returncode or len(found) != len(pairs):
        print(f"{name} is left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return found


def equal_golds(path: Path) -> dict[str, Any]:
    """All pairs of a file's distinct golds, and which of them are equal."""
    golds = sorted({str(row["answer"]) for row in lines(path)})
    forms = [kind_of(gold) for gold in golds]
    pairs = list(itertools.combinations(range(len(golds)), 2))
    found = [
        [golds[a], golds[b]]
        for a, b in pairs
        if same(forms[a], forms[b])
        or ((forms[a].hard or forms[b].hard) and equivalent(golds[a], golds[b]))
    ]
    return {"table": "golds", "file": path.stem, "pairs": len(pairs), "equal": found}


def milliseconds(texts: Sequence[str]) -> tuple[list[Form | None], dict[str, Any]]:
    """The forms, and CPU time of reading and of comparing."""
    spent, forms = [], []
    for text in texts:
        began = time.process_time()
        forms.append(read(text, SPEC).form)
        spent.append(1000 * (time.process_time() - began))
    spent.sort()
    known = [form for form in forms if form is not None][:400]
    began = time.process_time()
    for a, b in itertools.pairwise(known):
        same(a, b)
    compared = 1000 * (time.process_time() - began) / max(1, len(known) - 1)
    at = [round(spent[int(len(spent) * share)], 2) for share in (0.5, 0.99)]
    return forms, {
        "table": "time",
        "read_p50_ms": at[0],
        "read_p99_ms": at[1],
        "equal_ms": round(compared, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks answers", description=__doc__, allow_abbrev=False)
    parser.add_argument("--replies", type=Path, required=True)
    parser.add_argument("--golds", type=Path, nargs="*", default=[])
    parser.add_argument("--other", default="", help="a Python with math-verify, lm-eval and verl")
    parser.add_argument("--note", default="", help="what a reader must know of the run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    replies = lines(args.replies)
    forms, took = milliseconds([reply["reply"] for reply in replies])
    judged = [(r, f) for r, f in zip(replies, forms, strict=True) if r["their_verdict"] is not None]
    rows = [*by_style(replies, forms), took, *map(equal_golds, args.golds)]
    only = [reply for reply, _ in judged]
    rows.append(scores(OURS, only, [right(form, r["gold"]) for r, form in judged]))
    verify = partial(other_verdicts, args.other, "math-verify") if args.other else None
    rows.append(causes(judged, verify))
    for name in SCORERS if args.other else ():
        verdicts = other_verdicts(args.other, name, [(r["reply"], r["gold"]) for r in only])
        if verdicts is not None:
            rows.append(scores(name, only, verdicts))
    settings = {"replies": len(replies), "styles": len({r["style"] for r in replies}),
                "models": len({r.get("model") for r in replies})}  # fmt: skip
    print(write_result("answers", settings, rows, note=args.note, folder=args.out))
