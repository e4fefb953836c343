"""What a person sees of a deploy: on a terminal, and in a log."""

from __future__ import annotations

import io
import re

import pytest

from blueprints.cli.progress import TerminalReporter, reporter
from blueprints.deploy.change_sets import ChangeSet
from blueprints.deploy.plan import Change, StackPlan
from blueprints.deploy.progress import PlainReporter
from blueprints.deploy.stacks import STACK_TYPE, StackEvent
from blueprints.render.manifest import StackEntry

ENTRY = StackEntry(name="data", stack_name="faces-dev-data", region="eu-west-1", yaml="data.yaml", json="data.json")


class Terminal(io.StringIO):
    """A screen of 100 columns."""

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.getvalue())


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def plan(*changes: Change, kind: str = "UPDATE") -> StackPlan:
    return StackPlan(ENTRY, ChangeSet(ENTRY.stack_name, "blueprints-1", kind, makes_stack=False), "arn:1", changes)


def event(logical_id: str, status: str, *, reason: str = "", resource_type: str = "AWS::S3::Bucket") -> StackEvent:
    return StackEvent(
        event_id="1",
        stack_id="arn:1",
        time="2026-01-01T00:00:00Z",
        logical_id=logical_id,
        physical_id="arn:1" if resource_type == STACK_TYPE else "faces",
        resource_type=resource_type,
        status=status,
        reason=reason,
    )


def test_a_log_gets_plain_lines() -> None:
    log = io.StringIO()
    with reporter(log) as report:
        report.plan(plan(Change("add", "FacesBucket", "AWS::S3::Bucket")))

    assert isinstance(report, PlainReporter)
    assert "\x1b" not in log.getvalue()
    assert "+ FacesBucket (AWS::S3::Bucket)" in log.getvalue()


def test_a_terminal_gets_the_plan_as_a_table(screen: Terminal) -> None:
    with reporter(screen) as report:
        report.stack_started(ENTRY, 1, 2)
        report.plan(plan(Change("replace", "FacesBucket", "AWS::S3::Bucket", properties=("BucketName",))))

    assert isinstance(report, TerminalReporter)
    assert "[1/2] faces-dev-data in eu-west-1" in screen.text
    assert re.search(r"± replace +FacesBucket +AWS::S3::Bucket +BucketName", screen.text)
    assert "Would update it: 1 to replace" in screen.text


@pytest.mark.parametrize("action", ["add", "modify", "replace", "conditional-replace", "remove"])
def test_every_action_has_a_word(screen: Terminal, action: str) -> None:
    with reporter(screen) as report:
        report.plan(plan(Change(action, "FacesBucket", "AWS::S3::Bucket")))

    assert re.search(r"[+~±-] [a-z ]+ FacesBucket", screen.text)


def test_a_plan_of_outputs_alone_has_no_table(screen: Terminal) -> None:
    with reporter(screen) as report:
        report.plan(plan(kind="CREATE"))

    assert screen.text == "  Would create it: only outputs or tags\n"


def test_finished_resources_stay_on_the_screen_and_those_at_work_move(screen: Terminal) -> None:
    with reporter(screen) as report:
        report.event(event("FacesBucket", "CREATE_IN_PROGRESS"))
        report.event(event("Table", "CREATE_IN_PROGRESS"))
        report.event(event("FacesBucket", "CREATE_COMPLETE"))
        report.event(event("Table", "CREATE_COMPLETE"))
        report.stack_done(ENTRY, "CREATE_COMPLETE", {"Name": "faces"})

    assert "FacesBucket (create), Table (create)" in screen.text
    assert "✓ FacesBucket create complete" in screen.text
    assert "✓ faces-dev-data: CREATE_COMPLETE" in screen.text
    assert "Name faces" in screen.text


def test_a_failure_says_why(screen: Terminal) -> None:
    with reporter(screen) as report:
        report.event(event("FacesBucket", "CREATE_FAILED", reason="faces already exists"))

    assert "✗ FacesBucket create failed: faces already exists" in screen.text


def test_the_stack_itself_is_no_resource_at_work(screen: Terminal) -> None:
    with reporter(screen) as report:
        report.event(event("faces-dev-data", "CREATE_IN_PROGRESS", resource_type=STACK_TYPE))

    assert screen.text == ""


def test_the_moving_line_goes_when_an_error_ends_the_deploy(screen: Terminal) -> None:
    def fail() -> None:
        with reporter(screen) as report:
            report.event(event("FacesBucket", "CREATE_IN_PROGRESS"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    shows_the_cursor_again = "\x1b[?25h"
    assert shows_the_cursor_again in screen.getvalue()


def test_every_other_step_has_its_line(screen: Terminal) -> None:
    with reporter(screen) as report:
        report.nothing_to_do(ENTRY)
        report.declined(ENTRY)
        report.protected(ENTRY, enabled=True)
        report.policy_set(ENTRY)
        report.policy_set(ENTRY, lifted_for=("FacesBucket",))
        report.replacing_failed(ENTRY, "ROLLBACK_COMPLETE")
        report.interrupted(ENTRY)
        report.kept(ENTRY, "environments share it")

    assert screen.text.splitlines() == [
        "  ✓ faces-dev-data is up to date",
        "  faces-dev-data was left as it is",
        "  termination protection of faces-dev-data is on",
        "  stack policy of faces-dev-data set",
        "  ! stack policy of faces-dev-data lifted for FacesBucket",
        "  ! faces-dev-data is in ROLLBACK_COMPLETE: deleting it, to create it anew",
        "  ! CloudFormation goes on with faces-dev-data: run this again once it rests",
        "  faces-dev-data stays: environments share it",
    ]
