from __future__ import annotations

import pytest
from troposphere import Sub
from troposphere import elasticloadbalancingv2 as elb

from blueprints.components.listener_rule import EVERYTHING, Requests, listener_rule
from blueprints.model.errors import SettingsError

LISTENER = elb.Listener("Listener")


def rule(takes):
    return listener_rule("Rule", LISTENER, takes, elb.ListenerRuleAction(Type="forward", TargetGroupArn="x")).to_dict()


@pytest.mark.row("RC-03")
def test_it_asks_for_paths_in_its_turn():
    made = rule(Requests(100, ["/api/*", "/health"]))["Properties"]
    assert made["Priority"] == 100
    assert made["Conditions"] == [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*", "/health"]}},
    ]


@pytest.mark.row("RC-18")
def test_a_header_has_to_have_its_value_beside_the_path():
    made = rule(Requests(10, ["/api/*"], header=("X-Deployment", "green")))["Properties"]
    assert made["Conditions"][1] == {
        "Field": "http-header",
        "HttpHeaderConfig": {"HttpHeaderName": "X-Deployment", "Values": ["green"]},
    }


def test_everything_is_asked_for_last():
    made = rule(EVERYTHING)["Properties"]
    assert (made["Priority"], made["Conditions"][0]["PathPatternConfig"]["Values"]) == (50_000, ["/*"])


def test_more_values_than_a_rule_takes_are_refused_with_the_way_out():
    with pytest.raises(SettingsError, match="5 values, a header's value among them; make two rules of it"):
        Requests(1, ["/a", "/b", "/c", "/d", "/e"], header=("X-Deployment", "green"))


@pytest.mark.row("MP-09")
def test_a_header_may_have_one_of_several_values():
    made = rule(Requests(10, ["/api/*"], header=("X-Origin-Verify", [Sub("${New}"), Sub("${Old}")])))["Properties"]
    assert made["Conditions"][1]["HttpHeaderConfig"] == {
        "HttpHeaderName": "X-Origin-Verify",
        "Values": [{"Fn::Sub": "${New}"}, {"Fn::Sub": "${Old}"}],
    }


def test_each_value_of_a_header_counts():
    with pytest.raises(SettingsError, match="5 values"):
        Requests(1, ["/a", "/b", "/c", "/d"], header=("X-Origin-Verify", ["new", "old"]))


def test_actions_are_done_in_the_order_they_are_given():
    check = elb.ListenerRuleAction(Type="fixed-response", Order=1)
    forward = elb.ListenerRuleAction(Type="forward", Order=2, TargetGroupArn="x")
    made = listener_rule("Rule", LISTENER, EVERYTHING, check, forward).to_dict()["Properties"]
    assert [action["Order"] for action in made["Actions"]] == [1, 2]
