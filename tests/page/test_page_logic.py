"""What the page computes: its modules without a DOM, in the browser that will run them."""

from __future__ import annotations

import ast
import json
import shlex
from typing import Any

import pytest

from tests.page.conftest import SAVED, Run

BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": 'It\'s "5"\\ $HOME\n?'}],
    "seed": 7,
    "arrol": {"samples": 8, "prune": None, "early_stop": {"confidence": 0.9}},
}


def test_events_survive_any_cut_of_the_stream(run: Run) -> None:
    stream = 'data: {"a":1}\r\n\r\n: keep-alive\ndata: {"b":2}\n\nevent: x\ndata:[DONE]\n\n'
    cut = """Array.from({ length: given.length }, (_, at) => {
        const decode = createDecoder();
        return [...decode(given.slice(0, at)), ...decode(given.slice(at))].join("|");
    })"""
    assert set(run(cut, stream)) == {'{"a":1}|{"b":2}|[DONE]'}


def test_changes_add_up_to_the_final_object(run: Run) -> None:
    """The lanes that the progress events build are those of the report, field by field."""
    events = json.loads(SAVED.read_text())["events"]
    report = events[-1][1]["arrol"]
    progress = [event for event in events if "progress" in (event[1].get("arrol") or {})]
    told = run("replayed(null, given)", progress)
    assert len(told["lanes"]) == len(report["candidates"])
    for lane, candidate in zip(told["lanes"], report["candidates"], strict=True):
        shared = lane.keys() & candidate.keys()
        assert shared >= {"index", "fate", "tokens", "probes", "text"}
        assert {name: lane[name] for name in shared} == {name: candidate[name] for name in shared}
    assert told["stop"] == report["stop"]
    whole = run("replayed(null, given)", events)
    assert whole["complete"]
    clusters = [[lane.get("cluster") for lane in race["lanes"]] for race in (told, whole)]
    assert clusters[0] == clusters[1]


def test_votes_merge_move_and_vanish(run: Run) -> None:
    def event(*votes: dict[str, Any], leader: str = "a") -> list[Any]:
        return [0, {"arrol": {"progress": {"leader": leader, "votes": list(votes)}}}]

    events = [
        event({"cluster": 0, "answer": "a", "count": 1, "weight": 0.5, "probability": 0.5}),
        event({"cluster": 1, "answer": "b", "count": 1, "weight": 0.9, "probability": 0.8}),
        event({"cluster": 0, "count": 0}, {"cluster": 1, "count": 2}, leader="b"),
    ]
    assert run("standings(replayed(null, given))", events) == [
        {"cluster": 1, "answer": "b", "count": 2, "weight": 0.9, "probability": 0.8}
    ]


RACE = [
    [0, {"arrol": {"progress": {
        "tokens": 260, "saved_estimate": 70, "plan": {
            "samples": 6, "probes": [32], "prune": {"name": "top_fraction"}, "scorer": "head"},
        "candidates": [
            {"index": 0, "fate": "finished", "tokens": 90, "answer": "4", "cluster": 0},
            {"index": 1, "fate": "finished", "tokens": 110, "answer": "4", "cluster": 0},
            {"index": 2, "fate": "pruned", "tokens": 30,
             "probes": [{"tokens": 32, "score": 0.0, "survival": 0.5}]},
            {"index": 3, "fate": "running", "tokens": 30}],
    }}}],
]  # fmt: skip


def test_what_plain_sampling_would_have_cost(run: Run) -> None:
    """Generated 260, ended ones would have cost 70 more, two were not started: 2 x the mean of 100."""
    assert run("plainTokens(replayed(null, given))", RACE) == 260 + 70 + 200
    assert run("savedBy(replayed(null, given), replayed(null, given).lanes[2])", RACE) == 70
    assert run("plainTokens(newRace(null))") is None


def test_lanes_in_words_and_lost_ones(run: Run) -> None:
    said = run("laneInWords(replayed(null, given), replayed(null, given).lanes[2])", RACE)
    assert said == "Candidate 2, pruned at 30 tokens, P(right) 50 %, about 70 tokens saved"
    line = "headline(replayed(null, given))"
    assert run(line, RACE) == "4 of at most 6 candidates: 1 running, 2 finished, 1 pruned"
    lost = "(() => { const race = replayed(null, given); breakOff(race, 'it'); return headline(race); })()"
    assert run(lost, RACE) == "4 of at most 6 candidates: 2 finished, 1 pruned, 1 broken off"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("percent(0.5)", "50 %"),
        ("percent(1)", "100 %"),
        ("percent(0.9956)", "99.6 %"),
        ("percent(null)", "–"),
        ("probability(1)", ">99.9 %"),
        ("probability(0)", "<0.1 %"),
        ("probability(undefined)", "–"),
        ("seconds(480)", "480 ms"),
        ("seconds(2049)", "2.0 s"),
        ("seconds(65200)", "1 min 5 s"),
        ("seconds(119900)", "2 min 0 s"),
        ("count(1, 'token')", "1 token"),
        ("count(12345, 'token')", "12,345 tokens"),
        ("beside(50, 100)", "50 % fewer"),
        ("beside(120, 100)", "20 % more"),
        ("clip('🙂🙂🙂', 2)", "🙂…"),
    ],
)
def test_numbers_as_people_read_them(run: Run, expression: str, said: str) -> None:
    assert run(expression) == said


SHOW = """((show) => show(parse(given), show))((tree, show) => tree.text !== undefined
    ? tree.text : `${tree.tag}(${tree.children.map((child) => show(child, show)).join(" ")})`)"""


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        (r"\frac{1}{2}", "mrow(mfrac(1 2))"),
        (r"\frac12x^{10}", "mrow(mfrac(1 2) msup(x 10))"),
        (r"x^10_i", "mrow(msubsup(x i 10))"),
        (r"\sqrt[3]{x}+\sqrt 2", "mrow(mroot(x mrow(3)) + msqrt(2))"),
        (r"\alpha\cdot\pi\le\infty", "mrow(α ⋅ π ≤ ∞)"),
        (r"\left(\frac{a}{b}\right]", "mrow(mrow(( mrow(mfrac(a b)) ]))"),
        (r"\sum_{k=1}^n k", "mrow(munderover(∑ mrow(k = 1) n) k)"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
         "mrow(mrow(( mtable(mtr(mtd(1) mtd(2)) mtr(mtd(3) mtd(4))) )))"),
        (r"\mathbb{R}\text{ if }f'", "mrow(ℝ  if  msup(f ′))"),
        (r"\boxed{23{,}758}", "mrow(mrow(mrow(23 , 758)))"),
        (r"\unknown 5", "mrow(unknown 5)"),
    ],
)  # fmt: skip
def test_formulas(run: Run, source: str, tree: str) -> None:
    assert run(SHOW, source) == tree


@pytest.mark.parametrize(
    "source",
    [
        *("{" * 5000, r"\frac{1}{" * 60 + "1" + "}" * 60, "x" * 2001),
        *(r"\frac{1}{", "a}", r"\left( x", "x^2^3", r"\begin{evil}", r"\sqrt"),
    ],
)
def test_formulas_that_do_not_fit_together_are_refused(run: Run, source: str) -> None:
    """The caller shows their source then; nothing hangs, nothing overflows."""
    assert run(
        "(() => { try { parse(given); return null; } catch (e) { return e.message; } })()", source
    )


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("so $x^2$ and \\(y\\), \\[z\\] and $$w$$.", ["x^2", "y", "z", "w"]),
        ("It costs $5 or $6, not \\$7.", []),
        ("The answer is \\boxed{\\frac{1}{2}}.", ["\\boxed{\\frac{1}{2}}"]),
        ("\\boxed{open and $ alone", []),
    ],
)
def test_formulas_in_prose(run: Run, text: str, formulas: list[str]) -> None:
    found = run("pieces(given)", text)
    assert [piece["math"] for piece in found if "math" in piece] == formulas
    assert "".join(piece.get("source") or piece["text"] for piece in found) == text


def test_commands_say_what_the_page_asked(run: Run) -> None:
    words = shlex.split(run("curl(given, 'http://h/v1/', true)", BODY).replace("\\\n", " "))
    assert words[:2] == ["curl", "http://h/v1/chat/completions"]
    assert words[words.index("-H") + 1] == "Authorization: Bearer $ARROL_KEY"
    assert json.loads(words[words.index("-d") + 1]) == BODY
    tree = ast.parse(run("python(given, 'http://h/v1/', false)", BODY))
    call = next(
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.keywords) > 3
    )
    said = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    assert said.pop("extra_body") == {"arrol": BODY["arrol"]}
    assert said == {name: value for name, value in BODY.items() if name != "arrol"}


def test_the_form_becomes_a_request(run: Run) -> None:
    form = {"model": "m", "question": "q", "preset": "fast", "samples": "64", "keep": "0.25"}
    form |= {"probes": "24, 48", "confidence": "never", "vote": "", "seed": "7", "temperature": ""}
    body = run("bodyOf(given)", form)
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "q"}],
        "seed": 7,
        "arrol": {"preset": "fast", "samples": 64, "prune": {"keep": 0.25, "probes": [24, 48]},
                  "early_stop": None, "min_samples": None, "wave_samples": None},
    }  # fmt: skip
    assert run("bodyOf({ ...given, keep: 'all' }).arrol.prune", form) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "It is not JSON"),
        ("[]", "It holds no search"),
        ('{"arrol": {"applied": true}}', 'ask with "return": "candidates"'),
        ('{"arrol": {"applied": true, "candidates": []}}', "is damaged"),
        ('{"error": {"message": "No."}}', "an error instead of a search: No."),
        ('{"kind": "arrol-search", "version": 2}', "another version"),
        ('{"kind": "arrol-search", "version": 1, "events": [1]}', "events are damaged"),
        ('{"kind": "arrol-search", "version": 1, "events": [[0, {"arrol": {"progress": '
         '{"candidates": 5}}}]]}', "events are damaged"),
    ],
)  # fmt: skip
def test_files_that_are_no_searches(run: Run, content: str, said: str) -> None:
    message = run(
        "(() => { try { return fromFile(given); } catch (e) { return e.message; } })()", content
    )
    assert said in message


def test_problems_name_the_way_on(run: Run) -> None:
    busy = run("""ofResponse(429, '{"error": {"message": "Full.", "code": "overloaded"}}', '12')""")
    assert (busy["kind"], busy["waitS"], busy["message"]) == ("wait", 12, "Full.")
    refused = run("""ofResponse(400, '{"error": {"message": "m", "param": "arrol.vote"}}', null)""")
    assert (refused["kind"], refused["field"]) == ("refused", "arrol.vote")
    assert run("ofResponse(401, '', null).kind") == "key"
    assert "proxy" in run("ofResponse(502, '<html>', null).message")
    assert run("ofEvent({ code: 'engine_unavailable', message: 'm' }).kind") == "down"
