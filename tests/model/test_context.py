from __future__ import annotations

import pytest
from troposphere import sqs

from blueprints.model.context import KEY, because

pytestmark = pytest.mark.row("XX-14")


def why_of(resource):
    return resource.resource.get("Metadata", {}).get(KEY, {}).get("why")


def test_a_reason_is_written_on_the_resource_that_comes_back():
    queue = sqs.Queue("Jobs")
    assert because("Jobs wait here.", queue) is queue
    assert queue.to_dict()["Metadata"] == {KEY: {"why": "Jobs wait here."}}
    assert why_of(queue) == "Jobs wait here."


def test_what_must_stay_true_and_how_freely_it_may_change_go_with_it():
    queue = because("Jobs wait here.", sqs.Queue("Jobs"), must=["Order does not matter"], mutable="free-to-tune")
    assert queue.to_dict()["Metadata"][KEY] == {
        "why": "Jobs wait here.",
        "must": ["Order does not matter"],
        "mutable": "free-to-tune",
    }


def test_other_metadata_stays():
    suppression = {"config": {"ignore_checks": ["W1"]}}
    queue = because("Jobs wait here.", sqs.Queue("Jobs", Metadata={"cfn-lint": suppression}))
    assert queue.to_dict()["Metadata"] == {KEY: {"why": "Jobs wait here."}, "cfn-lint": suppression}


def test_the_last_reason_given_holds():
    queue = because("Second.", because("First.", sqs.Queue("Jobs"), mutable="free-to-tune"))
    assert queue.to_dict()["Metadata"] == {KEY: {"why": "Second."}}


def test_a_resource_without_a_reason_has_none():
    assert why_of(sqs.Queue("Jobs")) is None
    assert why_of(sqs.Queue("Jobs", Metadata={"other": 1})) is None
