"""The account's own stack in the emulated account, where GuardDuty's detector is a stand-in: its life, not its eyes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blueprints import render
from blueprints.catalog import account
from blueprints.deploy.local import Emulator
from blueprints.render.manifest import Manifest
from tests.deploy.architectures import Target

pytestmark = pytest.mark.row("RC-22")


@pytest.fixture
def target(emulator: Emulator, forked_cli: Path, tmp_path: Path) -> Target:
    """The account of two environments, without anything in it yet."""
    environments = [account.Settings(environment=name) for name in ("dev", "prod")]
    _, prod = render.write_all("account", environments, tmp_path)
    return Target(emulator, forked_cli, prod)


def _change(target: Target, folder: Path, **settings: Any) -> list[str]:
    """Deploy other settings over what is there; answers what became of the stacks."""
    target.manifest = render.write("account", account.Settings(environment="prod", **settings), folder)
    return [stack.outcome for stack in target.deploy().stacks]


def _outputs(target: Target) -> dict[str, str]:
    (stack,) = target.aws("cloudformation", "describe-stacks", "--stack-name", "account-guardduty")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def _detector(target: Target) -> dict[str, Any]:
    named = ("--type-name", "AWS::GuardDuty::Detector", "--identifier", _outputs(target)["DetectorId"])
    found = target.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]["Properties"]
    return dict(json.loads(found))


def _enabled(target: Target) -> list[str]:
    return [feature["Name"] for feature in _detector(target)["Features"] if feature["Status"] == "ENABLED"]


def test_it_deploys_and_its_findings_have_a_way_to_people(target: Target) -> None:
    assert [stack.outcome for stack in target.deploy().stacks] == ["created"]
    assert set(target.resources("guardduty")) == set(target.template("guardduty")["Resources"])
    assert _detector(target)["Enable"] is True
    assert _enabled(target) == []
    rule = target.resources("guardduty")["FindingsRule"]["PhysicalResourceId"].rpartition("/")[2]
    (sent,) = target.aws("events", "list-targets-by-rule", "--rule", rule)["Targets"]
    assert sent["Arn"] == _outputs(target)["AlertTopicArn"]


def test_another_environment_of_the_account_finds_the_stack_there(target: Target) -> None:
    target.deploy()
    target.manifest = Manifest.load(target.manifest.folder.parent / "dev" / "manifest.json")
    assert [stack.outcome for stack in target.deploy().stacks] == ["unchanged"]


def test_protections_are_turned_on_and_off_and_the_detector_stays_the_same(target: Target, tmp_path: Path) -> None:
    target.deploy()
    first = _outputs(target)["DetectorId"]
    assert _change(target, tmp_path, protections=["S3_DATA_EVENTS", "RDS_LOGIN_EVENTS"]) == ["updated"]
    assert _enabled(target) == ["S3_DATA_EVENTS", "RDS_LOGIN_EVENTS"]
    assert _change(target, tmp_path, suspended=True, alert_email="security@example.com") == ["updated"]
    assert _enabled(target) == []
    assert _detector(target)["Enable"] is False
    assert _outputs(target)["DetectorId"] == first


def test_a_detector_that_is_handed_over_is_kept(target: Target, tmp_path: Path) -> None:
    target.deploy()
    assert _change(target, tmp_path, detector="existing") == ["updated"]
    (change,) = [change for change in target.plans["guardduty"].changes if change.logical_id == "AccountDetector"]
    assert (change.action, change.policy) == ("remove", "Retain")
    assert "AccountDetector" not in target.resources("guardduty")
    assert set(_outputs(target)) == {"AlertTopicArn"}


def test_the_stack_goes_only_when_that_is_meant_and_leaves_the_detector(target: Target) -> None:
    target.deploy()
    refusals: list[str] = []
    assert target.delete_as_told(refusals).deleted == ()
    assert refusals == []
    gone = target.delete_as_told(refusals, include_shared=True)
    assert [entry.name for entry in gone.deleted] == ["guardduty"]
    (refusal,) = refusals
    assert "account-guardduty: aws cloudformation update-termination-protection" in refusal
    assert [item.logical_id for stack in target.deletions[-1].stacks for item in stack.retained] == ["AccountDetector"]
    assert target.left()["stacks"] == set()
