from __future__ import annotations

import json
import re

import pytest
import yaml as pyyaml
from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from blueprints.render.yaml import dump
from tests.support.cfn_yaml import load

pytestmark = pytest.mark.row("XX-01")

# What YAML 1.1 reads as something else than a string when it stands there plainly.
TRAPS = [
    *("yes", "No", "on", "OFF", "y", "N", "true", "False", "null", "Null", "none", "~", "=", "<<", ""),
    *("2026-11-21", "2010-09-09", "2026-11-21T10:00:00Z", "0", "007", "0o17", "0x1F", "0b1", "+1", "-1", "1_000", "_1"),
    *("1e3", "1.0", ".5", "1.", ".", "...", "---", "-", ".inf", "-.INF", ".NaN", "190:20:30", "12:30", "22:22"),
    *("a: b", "a:", ":a", "a #b", "#a", "- a", "? a", "!a", "&a", "*a", "|", ">", "%a", "@a", "`a", "'a'", '"a"'),
    *("{a}", "[a]", "a, b", ",a", "a ", " a", " ", "\n", "a\n", "a\n\n", "\na", " a\nb", "a \nb", "a\n\nb", "a\n  b\n"),
    *("a\tb", "\ta", "a\r\nb", "\x7f", "\x85", "\u2028", "\xa0", "\ufeff", "é", "日本", "😀", "😀\n\t", "\\", '\\"\n '),
    *("arn:aws:s3:::b/*", "${AWS::Region}.${X}", "AWS::CloudFormation::Interface", "/health", "$", "_", "a'b", "it's"),
]


def same(left, right) -> bool:
    """Equal as data, of the same types and in the same order: True is not 1, and "1" is not 1."""
    return json.dumps(left) == json.dumps(right)


@pytest.mark.parametrize("text", TRAPS, ids=repr)
def test_a_string_stays_a_string_wherever_it_stands(text):
    data = {"Value": text, f"k{text}": text, "List": [text, [text], {"Key": text}], "Sub": {"Fn::Sub": text}}
    assert same(load(dump(data)), data)


@pytest.mark.parametrize("text", TRAPS, ids=repr)
def test_a_key_stays_a_string(text):
    data = {text: {text: [{text: "x"}]}}
    assert same(load(dump(data)), data)


@pytest.mark.parametrize("value", [True, False, None, 0, -1, 10**20, 0.5, -1.5e-7, 1e22, 3.0, 1e-300, {}, []], ids=repr)
def test_what_is_no_string_stays_what_it_is(value):
    data = {"Value": value, "List": [value, {"Key": value}]}
    assert same(load(dump(data)), data)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), object(), b"x", {"a"}], ids=lambda value: type(value).__name__
)
def test_what_has_no_place_in_a_template_is_refused(value):
    with pytest.raises(TypeError, match="has no place in a template"):
        dump({"Value": value})


TEXT = st.text("aBn1 :-#'\"\n\t\\{}[]!&*?|>%@`,.~=_$/\u00e9\u2028\x7f\x85\xa0\ufeff\U0001f600", max_size=12)
STRINGS = TEXT | st.sampled_from(TRAPS)
LEAVES = STRINGS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
KEYS = STRINGS.filter(lambda key: key != "Ref" and not key.startswith("Fn::"))
NAMES = st.sampled_from(["Main", "Queue1", "AWS::Region"])
REFERENCES = (
    st.builds(lambda name: {"Ref": name}, NAMES)
    | st.builds(lambda name, attribute: {"Fn::GetAtt": [name, attribute]}, NAMES.filter(str.isalnum), STRINGS)
    | st.builds(lambda text: {"Fn::Sub": text}, STRINGS)
    | st.builds(
        lambda name, output: {"Fn::GetStackOutput": {"StackName": {"Ref": name}, "OutputName": output}}, NAMES, STRINGS
    )
)


def deeper(inner):
    functions = st.sampled_from(["Fn::Join", "Fn::Select", "Fn::If", "Fn::Sub", "Fn::Split", "Fn::Contains", "Fn::Or"])
    single = st.sampled_from(["Fn::Base64", "Fn::GetAZs", "Fn::ImportValue", "Fn::Transform", "Fn::Length"])
    return (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(lambda name, arguments: {name: arguments}, functions, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda name, argument: {name: argument}, single, inner)
        | st.builds(lambda attribute: {"Fn::GetAtt": ["Main", attribute]}, REFERENCES)
    )


TEMPLATES = st.dictionaries(KEYS, st.recursive(LEAVES | REFERENCES, deeper, max_leaves=12), min_size=1, max_size=4)


@effort(deadline=None, max_examples=300)
@given(TEMPLATES)
@example({"a": {"Fn::Base64": {"Fn::Sub": "x"}}})
@example({"a": [[{"Ref": "Main"}], [[]], [{}]]})
@example({"a": {"Ref": "Main", "Fn::Sub": "not an intrinsic function: two keys"}})
def test_any_template_reads_back_as_the_same_data(data):
    assert same(load(dump(data)), data)


@effort(deadline=None, max_examples=50)
@given(TEMPLATES)
def test_a_comment_anchor_or_alias_is_never_written(data):
    tokens = list(pyyaml.scan(dump(data)))
    assert not [token for token in tokens if isinstance(token, pyyaml.AnchorToken | pyyaml.AliasToken)]
    # A scalar or a key ends where the next token begins: what lies between two tokens is white space, never a comment.
    text = dump(data)
    ends = [token.end_mark.index for token in tokens]
    starts = [token.start_mark.index for token in tokens][1:]
    assert all(not text[end:start].strip() for end, start in zip(ends, starts, strict=False) if end <= start)


# How it looks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Ref": "Main"}, "!Ref Main"),
        ({"Fn::GetAtt": ["Main", "Arn"]}, "!GetAtt Main.Arn"),
        ({"Fn::GetAtt": ["Main", "Endpoint.Port"]}, "!GetAtt Main.Endpoint.Port"),
        ({"Fn::Sub": "${AWS::StackName}-main"}, "!Sub ${AWS::StackName}-main"),
        ({"Fn::GetAZs": ""}, "!GetAZs ''"),
        ({"Fn::Join": ["/", ["a", {"Ref": "B"}]]}, "!Join\n  - /\n  - - a\n    - !Ref B"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "!Select\n  - 0\n  - !GetAZs ''"),
        ({"Fn::Equals": [{"Ref": "A"}, "b"]}, "!Equals\n  - !Ref A\n  - b"),
        ({"Condition": "Big"}, "\n  Condition: Big"),
        ([{"Key": "Name", "Value": {"Ref": "A"}}], "\n  - Key: Name\n    Value: !Ref A"),
        ([{"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}], "\n  - !Sub\n    - ${A}\n    - A: !Ref B"),
    ],
    ids=str,
)
def test_intrinsic_functions_take_their_short_form(value, text):
    assert dump({"Value": value}) == f"Value:{'' if text.startswith(chr(10)) else ' '}{text}\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"Fn::Base64": {"Fn::Sub": "x"}}, "\n  Fn::Base64: !Sub x"),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, "\n  Fn::GetAZs: !Ref AWS::Region"),
        ({"Fn::Base64": {"Fn::Base64": {"Ref": "A"}}}, "\n  Fn::Base64:\n    Fn::Base64: !Ref A"),
        ({"Fn::ImportValue": {"Fn::Sub": "${A}-b"}}, "\n  Fn::ImportValue: !Sub ${A}-b"),
    ],
    ids=str,
)
def test_a_short_form_never_holds_a_short_form_alone(value, text):
    assert dump({"Value": value}) == f"Value:{text}\n"
    assert not re.search(r"![A-Z]\w+ +!", dump({"Value": value}))


def test_an_output_of_another_stack_is_read_under_the_functions_full_name():
    value = {"Fn::GetStackOutput": {"StackName": {"Ref": "DataStackName"}, "OutputName": "Arn"}}
    lines = ["Value:", "  Fn::GetStackOutput:", "    StackName: !Ref DataStackName", "    OutputName: Arn"]
    assert dump({"Value": value}).splitlines() == lines
    assert "!GetStackOutput" not in dump({"Value": {"Fn::Join": [",", [value, value]]}})


@pytest.mark.parametrize(
    "name", ["Fn::Contains", "Fn::EachMemberIn", "Fn::ForEach::Zones", "Fn::Transform", "Fn::ValueOf"]
)
def test_a_function_without_a_short_form_keeps_its_full_name(name):
    assert f"{name}:" in dump({"Value": {name: ["a", "b"]}})


def test_text_of_several_lines_is_a_literal_block():
    assert dump({"A": "one\ntwo\n", "B": ["x\n  y"]}) == "A: |\n  one\n  two\nB:\n  - |-\n    x\n      y\n"
    assert dump({"A": {"Fn::Sub": "one\n\n${B}"}}) == "A: !Sub |-\n  one\n\n  ${B}\n"


def test_long_lines_are_not_folded():
    words = "word " * 100 + "end"
    assert dump({"A": words}) == f"A: {words}\n"
