"""What a text is taken to answer."""

from __future__ import annotations

import pytest

from arrol_serve.answers.extract import extract
from arrol_serve.answers.spec import AnswerSpec, Extract
from arrol_serve.errors import InvalidRequest


def read(mode: Extract, text: str) -> str | None:
    return extract(text, AnswerSpec(mode))


def read_json(text: str, pointer: str | None = None) -> str | None:
    return extract(text, AnswerSpec("json", json_pointer=pointer))


def read_regex(text: str, regex: str) -> str | None:
    return extract(text, AnswerSpec("regex", regex=regex))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"First \boxed{1}, no: \boxed{2}.", "2"),
        (r"\boxed{}", None),
        (r"\boxed{ }", None),
        (r"so \boxed 5", "5"),
        (r"so $\boxed 3.5$.", "3.5"),
        (r"$\fbox{7}$", "7"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\left\{x\right.}", r"\left\{x\right."),
        (r"\boxed{3} and then \boxed{4", "3"),
        (r"\boxedit{4}", None),
        ("42", None),
    ],
)
def test_boxed_is_the_last_balanced_box(text: str, answer: str | None) -> None:
    assert read("boxed", text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"<think>\boxed{1}</think>\boxed{2}", "2"),
        (r"<think>\boxed{1}</think>I do not know.", None),
        (r"<think>it is \boxed{1}", None),
        (r"\boxed{1}<think>let me see", None),
        (r"\boxed{1}</think>\boxed{2}", "2"),
        (r"\boxed{1}</think>nothing", None),
        (r"\boxed{1}<think>is it?</think>", "1"),
    ],
)
def test_reasoning_holds_no_answer(text: str, answer: str | None) -> None:
    assert read("boxed", text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("#### 42", "42"),
        ("The answer is 42.", "42"),
        ("The answer is 42. That took 3 steps.", "42"),
        ("The answer is 3 + 4 = 7.", "7"),
        ("in all 1,234", "1234"),
        ("in all 1,234,567.", "1234567"),
        ("the pair 1,2", "2"),
        ("it is -3.5", "-3.5"),
        ("it is \N{MINUS SIGN}3", "-3"),
        ("x = -5", "-5"),
        ("10-5", "5"),
        ("- 5 apples", "5"),
        ("1/2", "1/2"),
        ("2 1/2 cups", "2 1/2"),
        (r"\boxed{\frac{1}{2}}", "1/2"),
        (r"-\frac12", "-1/2"),
        ("about 50%", "50%"),
        (r"about 50\%", "50%"),
        ("about 50 percent", "50%"),
        ("it costs $1,000.50", "1000.50"),
        ("1.5e-3", "1.5e-3"),
        ("12 apples, in the GSM8K style", "12"),
        ("100m2", "100"),
        ("no number", None),
    ],
)
def test_number_is_the_last_of_the_phrase_or_of_the_text(text: str, answer: str | None) -> None:
    assert read("number", text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("(B)", "B"),
        ("I pick **B**", "B"),
        ("the answer is B", "B"),
        ("the answer is B because of that", "B"),
        ("Answer: C", "C"),
        ("**Answer:** (C)", "C"),
        (r"\boxed{B}", "B"),
        (r"\boxed{\text{(D)}}", "D"),
        ("It follows.\n\nE", "E"),
        ("It follows.\n\nE) 42", "E"),
        ("The correct answer is option D.", "D"),
        ("Option B is wrong, the answer is C", "C"),
        ("The answer is B. Option C is wrong.", "B"),
        ("The answer is B. No, the answer is C.", "C"),
        ("The answer is A.", "A"),
        ("The answer is A because it is even.", "A"),
        ("The answer is A quick one", None),
        ("A quick check shows that this holds", None),
        ("A quick check shows that B fits.\nThe answer is (B).", "B"),
        ("I think so", None),
        ("", None),
    ],
)
def test_choice_is_the_last_stated_letter(text: str, answer: str | None) -> None:
    assert read("choice", text) == answer


@pytest.mark.parametrize(
    ("text", "regex", "answer"),
    [
        ("a1 a2", r"a(\d)", "2"),
        ("a1 a2", r"a\d", "a2"),
        ("12 x", r"\d*", "12"),
        ("a1 b", r"a(\d)|b", "1"),
        ("none", r"\d", None),
        ("1 \ud800 2", r"(\d)", "2"),
        ("a" * 50_000 + "b", r"(a+)+$", None),
    ],
)
def test_regex_is_the_last_match_that_holds_something(
    text: str, regex: str, answer: str | None
) -> None:
    assert read_regex(text, regex) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('first {"a": 1} then {"b": 1, "a": 2.0}', '{"a":2,"b":1}'),
        ('```json\n{"a": [1, 2]}\n```', '{"a":[1,2]}'),
        ("```json\n5\n```", "5"),
        ('"Paris"', "Paris"),
        ("{'a': 1}", None),
        ('{"a": 1', None),
        ("null", None),
        ("no JSON", None),
    ],
)
def test_json_is_the_last_value_with_sorted_keys(text: str, answer: str | None) -> None:
    assert read_json(text) == answer


@pytest.mark.parametrize(
    ("pointer", "answer"),
    [
        ("", '{"a/b":{"~":3},"x":[1,{"y":"z"}]}'),
        ("/x/1/y", "z"),
        ("/x", '[1,{"y":"z"}]'),
        ("/a~1b/~0", "3"),
        ("/x/-1", None),
        ("/x/01", None),
        ("/x/2", None),
        ("/x/1/y/0", None),
        ("/absent", None),
    ],
)
def test_json_pointer_follows_rfc_6901(pointer: str, answer: str | None) -> None:
    assert read_json('{"x": [1, {"y": "z"}], "a/b": {"~": 3.0}}', pointer) == answer


CALL = '{"name":"f","arguments":{"a":1,"b":2}}'


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"arguments": {"b": 2, "a": 1}, "name": "f"}\n</tool_call>',
        'Calling: {"name": "f", "parameters": {"b": 2, "a": 1}}',
        '```json\n{"name": "f", "arguments": {"b": 2, "a": 1}}\n```',
        '[{"type": "function", "function": {"name": "f", "arguments": "{\\"b\\": 2, \\"a\\": 1}"}}]',
        '{"tool_calls": [{"function": {"name": "f", "arguments": {"b": 2.0, "a": 1}}}]}',
    ],
)
def test_tool_calls_have_one_canonical_form(text: str) -> None:
    assert read("tool", text) == CALL


def test_several_tool_calls_are_one_answer_in_any_order() -> None:
    first = '<tool_call>{"name":"g","arguments":{}}</tool_call>'
    second = f"<tool_call>{CALL}</tool_call>"
    expected = f'[{CALL},{{"name":"g","arguments":{{}}}}]'
    assert read("tool", first + "\n" + second) == expected
    assert read("tool", second + first) == expected


@pytest.mark.parametrize("text", ['{"name": "Bob"}', '{"name": "f", "arguments": 5}', "f(1, 2)"])
def test_not_every_object_is_a_tool_call(text: str) -> None:
    assert read("tool", text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"A quick check shows that it holds: \boxed{42}", "42"),
        ("#### 42", "42"),
        ("The answer is 42.", "42"),
        ("The answer is: 12, which is even", "12"),
        ("The answer is 3.5 because of that", "3.5"),
        ("The answer to the question is 12", "12"),
        (r"The answer is $\frac{1}{2}$.", r"\frac{1}{2}"),
        ("The answer is $x=1$ and $x=2$.", "x=1 and x=2"),
        ("Final Answer: The final answer is $5$. I hope it is correct.", "5"),
        ("The answer is 42. I think that my answer is correct.", "42"),
        ("**Answer**: 7", "7"),
        ("### Final Answer\n\n**42**", "42"),
        ("Answer:\n\\[\n x=5\n\\]", "x=5"),
        ("The answer is (B) 42.", "(B) 42"),
        ("The answer is $42.", "$42"),
        ("The answer is not clear.", None),
        ("#### Step 1: add 3 and 4\nThat gives 7.", "7"),
        ("#### Step 1: add 3 and 4", None),
        ("After 3 steps we have 5 apples", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_auto_reads_a_box_or_a_phrase_and_no_free_text(text: str, answer: str | None) -> None:
    assert read("auto", text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"b": 1, "a": 2}', '{"a":2,"b":1}'),
        ('{"says": "the answer is 4"}', '{"says":"the answer is 4"}'),
        ("42", "42"),
        ('<tool_call>{"name":"f","arguments":{"b":2,"a":1}}</tool_call>', CALL),
        ('see {"a": 1} there', None),
    ],
)
def test_auto_reads_calls_and_replies_that_are_json(text: str, answer: str | None) -> None:
    assert read("auto", text) == answer


def test_an_answer_can_always_be_sent() -> None:
    assert read_json(r'"half \ud800 a pair"') == "half ? a pair"


@pytest.mark.parametrize("regex", [r"(?=a)b", r"(?<!a)b", r"(a)\1", r"(?>a)b", r"a++", r"a\Z"])
def test_what_re2_does_not_take_is_refused_by_its_name(regex: str) -> None:
    with pytest.raises(InvalidRequest, match="no look-around, no back-references"):
        AnswerSpec("regex", regex=regex)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"extract": "regex"}, "arrol.answer.regex"),
        ({"regex": "a"}, "arrol.answer.regex"),
        ({"extract": "regex", "regex": "("}, "arrol.answer.regex"),
        ({"extract": "regex", "regex": "a" * 501}, "arrol.answer.regex"),
        ({"extract": "regex", "regex": "((a{100}){100}){100}"}, "arrol.answer.regex"),
        ({"extract": "regex", "regex": "\ud800"}, "arrol.answer.regex"),
        ({"extract": "boxed", "json_pointer": "/a"}, "arrol.answer.json_pointer"),
        ({"extract": "json", "json_pointer": "a"}, "arrol.answer.json_pointer"),
        ({"extract": "json", "json_pointer": "/~2"}, "arrol.answer.json_pointer"),
        ({"extract": "number", "equivalence": "fuzzy"}, "arrol.answer.equivalence"),
        ({"extract": "first"}, "arrol.answer.extract"),
    ],
)
def test_a_spec_without_effect_is_refused_by_field(fields: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        AnswerSpec(**fields)  # type: ignore[arg-type]
    assert refusal.value.param == param
