from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from blueprints.render.json_text import WIDTH, to_text

WORDS = st.text("ab \\é", max_size=130)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_back_in_the_same_order(value):
    assert json.dumps(json.loads(to_text(value))) == json.dumps(value)


@given(VALUES)
def test_a_line_is_longer_than_wide_only_for_one_value_that_cannot_be_broken(value):
    for line in to_text(value).splitlines():
        if len(line) > WIDTH and not line.endswith(("{", "[")):
            body = line.strip().removesuffix(",")
            (held,) = (
                json.loads(f"{{{body}}}").values() if body.startswith('"') and '": ' in body else [json.loads(body)]
            )
            assert not (held and isinstance(held, dict | list))


def test_what_fits_on_a_line_stands_on_one():
    assert to_text({"Ref": "Api"}) == '{"Ref": "Api"}\n'


def test_what_does_not_fit_has_a_member_a_line():
    long = {"Name": "n" * 60, "Value": "v" * 60, "Of": {"Ref": "Api"}}
    assert to_text(long).splitlines() == [
        "{",
        f'  "Name": "{"n" * 60}",',
        f'  "Value": "{"v" * 60}",',
        '  "Of": {"Ref": "Api"}',
        "}",
    ]
