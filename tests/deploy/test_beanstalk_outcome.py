"""Environments of Elastic Beanstalk: whether they run what their stack says, and what is said when they do not."""

from __future__ import annotations

import io
import itertools
import time
from dataclasses import replace
from xml.sax.saxutils import escape

import pytest

from blueprints.cli.progress import TerminalReporter
from blueprints.deploy import beanstalk
from blueprints.deploy.progress import PlainReporter
from blueprints.model.errors import DeployError
from tests.deploy.deployer_fixtures import NO_WAIT, queue, template
from tests.deploy.proxy import Answer, denied

pytestmark = pytest.mark.row("WB-07")

FAILED = "[Instance: i-0f1] Command failed on instance. container_command 10_migrate in .ebextensions failed."
ABORTED = "Failed to deploy application."


def environment(version="v2", status="Ready", health="Green", word="Ok"):
    seen = {"EnvironmentName": "api-1", "VersionLabel": version, "Status": status, "Health": health}
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in {**seen, "HealthStatus": word}.items())
    return answer("DescribeEnvironments", f"<Environments><member>{fields}</member></Environments>")


def events(*messages):
    """As the service gives them, newest first."""
    listed = "".join(f"<member><Message>{escape(each)}</Message></member>" for each in messages)
    return answer("DescribeEvents", f"<Events>{listed}</Events>")


def answer(action, content):
    body = f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>"
    return Answer(200, body.encode())


def service():
    """What a blueprint's service stack publishes; the environment itself is a stand-in answer."""
    log = {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {}}}
    return template(log, EnvironmentName="api-1", VersionLabel="v2", LogGroupName={"Ref": "Log"})


def step():
    outputs = {"environment": "EnvironmentName", "version": "VersionLabel", "log_group": "LogGroupName"}
    return {name: {"stack": "service", "output": output} for name, output in outputs.items()}


@pytest.fixture
def with_check(project):
    """Two stacks, with an environment that is looked at between them; the first is there already."""
    project.add("service", service(), checks=[step()])
    project.add("monitoring", template({"Jobs": queue()}))
    project.exists("service", service())
    return project


def check(project, *, changed=True, clock=NO_WAIT):
    manifest = project.manifest()
    entry = manifest.stack("service")
    report = PlainReporter(project.told)
    (one,) = entry.checks
    beanstalk.check(project.account.cli, manifest, entry, one, changed=changed, report=report, clock=clock)
    return project.told.getvalue()


def failure(project, **options):
    with pytest.raises(DeployError) as error:
        check(project, **options)
    return str(error.value)


def passing():
    """A clock on which minutes go by with each look."""
    seconds = itertools.count(step=200.0)
    return replace(NO_WAIT, now=lambda: next(seconds))


def asked(proxy, operation):
    return [call.fields() for call in proxy.calls if call.operation == operation]


# One that runs its version


def test_a_deployment_goes_on_once_the_environment_rests_and_runs_the_version_of_its_stack(project, proxy):
    project.add("service", service(), checks=[step()])
    project.add("monitoring", template({"Jobs": queue()}))
    proxy.inject("DescribeEnvironments", environment(status="Updating"), environment())
    proxy.inject("DescribeEvents", events())
    project.deploy()
    assert project.account.status(f"{project.name}-monitoring") == "CREATE_COMPLETE"
    told = project.told.getvalue()
    before = told.index("would then wait until the environment runs the new version, before the next stack")
    waiting = told.index("environment api-1: waiting until it runs the version of its stack")
    assert before < waiting < told.index("environment api-1 runs v2") < told.index("[2/2] monitoring")
    order = [name for name in proxy.operations() if name in {"ExecuteChangeSet", "DescribeEnvironments"}]
    assert order == ["ExecuteChangeSet", "DescribeEnvironments", "DescribeEnvironments", "ExecuteChangeSet"]


def test_errors_count_from_the_beginning_of_the_stack_s_operation(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment())
    proxy.inject("DescribeEvents", events())
    check(with_check)
    began = with_check.account.stack(f"{with_check.name}-service")
    (request,) = asked(proxy, "DescribeEvents")
    assert (request["EnvironmentName"], request["Severity"]) == ("api-1", "ERROR")
    wanted = began.get("LastUpdatedTime") or began["CreationTime"]
    assert request["StartTime"][:19] == wanted.isoformat()[:19]


def test_errors_of_an_older_deployment_do_not_stop_a_stack_that_did_not_change(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment())
    assert "environment api-1 runs v2" in check(with_check, changed=False)
    assert asked(proxy, "DescribeEvents") == []


def test_one_that_is_red_for_a_moment_is_given_five_minutes(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment(health="Red", word="Degraded"), environment())
    proxy.inject("DescribeEvents", events())
    assert "environment api-1 runs v2" in check(with_check, clock=passing())


# One that does not


def test_a_migration_that_fails_stops_the_deployment_although_cloudformation_reports_success(with_check, proxy):
    project = with_check
    changed = service()
    changed["Resources"]["Jobs"] = queue()
    project.add("service", changed, checks=[step()])
    logs, group = project.account.client("logs"), outputs(project)["LogGroupName"]
    logs.create_log_stream(logGroupName=group, logStreamName="migration/0a1b")
    said = {"timestamp": int(time.time() * 1000) + 60_000, "message": "relation orders does not exist"}
    logs.put_log_events(logGroupName=group, logStreamName="migration/0a1b", logEvents=[said])
    proxy.inject("DescribeEnvironments", environment(version="v1", word="Info"))
    proxy.inject("DescribeEvents", events(ABORTED, FAILED))
    with pytest.raises(DeployError) as error:
        project.deploy()
    assert project.account.status(f"{project.name}-service") == "UPDATE_COMPLETE"
    assert project.account.status(f"{project.name}-monitoring") is None
    first, *rest = str(error.value).split("\n")
    assert first == (
        f"the environment api-1 of stack {project.name}-service runs version v1, not v2 as the stack says; "
        "CloudFormation does not tell"
    )
    assert rest[:3] == ["What Elastic Beanstalk says:", f"  {FAILED}", f"  {ABORTED}"]
    assert rest[3:5] == ["The end of the migration's log:", "  relation orders does not exist"]
    log = f"--log-group-name {group} --log-stream-name-prefix migration --start-time "
    assert rest[5].startswith(f"All of it: `aws logs filter-log-events {log}")
    shown = "All events: `aws elasticbeanstalk describe-events --environment-name api-1 --severity ERROR --start-time "
    assert rest[6].startswith(shown)
    assert rest[6].endswith("`eb logs api-1`")
    assert rest[7].startswith("The stacks after service were not touched. The environment is Green (Info) with version")
    again = "`aws elasticbeanstalk update-environment --environment-name api-1 --version-label v2 --region us-east-1"
    assert again in rest[8]


def outputs(project):
    stack = project.account.stack(f"{project.name}-service")
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def test_errors_stop_the_deployment_although_the_version_is_the_stack_s(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment())
    proxy.inject("DescribeEvents", events("Failed to deploy configuration."))
    message = failure(with_check)
    assert "-service had errors while it was deployed to; CloudFormation does not tell\nWhat Elastic Bean" in message
    assert "\nThe migration wrote no log.\n" in message


def test_the_same_command_fails_again_while_the_environment_runs_another_version(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment(version="v1"))
    proxy.inject("DescribeEvents", events(FAILED))
    message = failure(with_check, changed=False)
    assert "runs version v1, not v2 as the stack says" in message
    assert FAILED in message


def test_one_that_stays_red_is_a_failure_in_the_words_of_the_service(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment(health="Red", word="Severe"), times=9)
    proxy.inject("DescribeEvents", events())
    assert " runs v2 and is Red (Severe); " in failure(with_check, clock=passing())
    assert 1 < len(asked(proxy, "DescribeEnvironments")) < 9


def test_one_that_does_not_come_to_rest_is_left_to_elastic_beanstalk(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment(status="Updating"))
    message = failure(with_check, clock=replace(NO_WAIT, limit=0.0))
    assert "is still updating after 0 minutes: Elastic Beanstalk goes on without this program" in message
    assert "Run the same command again: it waits on" in message


def test_what_may_not_be_seen_is_an_error_and_not_a_success(with_check, proxy):
    # Without the permission the service answers with an empty list (API Reference, DescribeEnvironments).
    proxy.inject("DescribeEnvironments", answer("DescribeEnvironments", "<Environments/>"))
    assert "(elasticbeanstalk:DescribeEnvironments)" in failure(with_check)
    proxy.inject("DescribeEnvironments", environment())
    proxy.inject("DescribeEvents", denied("elasticbeanstalk:DescribeEvents"))
    assert failure(with_check).startswith("not allowed: elasticbeanstalk:DescribeEvents")


def test_a_log_that_may_not_be_read_hides_nothing_else(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment(version="v1"))
    proxy.inject("DescribeEvents", events(FAILED))
    proxy.inject("FilterLogEvents", denied("logs:FilterLogEvents"))
    message = failure(with_check)
    assert "The log of the migration cannot be read: not allowed: logs:FilterLogEvents" in message
    assert FAILED in message


def test_ctrl_c_leaves_it_to_elastic_beanstalk_and_says_so(with_check, proxy):
    proxy.inject("DescribeEnvironments", environment(status="Updating"))

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(with_check, clock=replace(NO_WAIT, sleep=interrupted))
    assert "interrupted: environment api-1 goes on; the same command waits for it" in with_check.told.getvalue()


def test_a_terminal_shows_the_waiting_and_its_end(with_check):
    out = io.StringIO()
    report, entry = TerminalReporter(out), with_check.manifest().stack("service")
    report.environment_awaited(entry, "api-1")
    report.environment_checked(entry, "api-1", "v2")
    report.environment_left(entry, "api-1")
    assert [line.strip() for line in out.getvalue().splitlines()] == [
        "environment api-1: waiting until it runs the version of its stack",
        "✓ environment api-1 runs v2",
        "! environment api-1 goes on: the same command waits for it",
    ]


# The emulator


def test_an_environment_of_the_emulator_runs_what_its_stack_says(project):
    name = f"bundles-{project.name}"
    s3 = project.account.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="v2.zip", Body=b"bundle")
    application = {"ApplicationName": {"Ref": "Application"}}
    bundle = {"SourceBundle": {"S3Bucket": name, "S3Key": "v2.zip"}}
    label = {"VersionLabel": {"Ref": "Version"}}
    made = {
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
        "Application": {"Type": "AWS::ElasticBeanstalk::Application", "Properties": {}},
        "Version": {"Type": "AWS::ElasticBeanstalk::ApplicationVersion", "Properties": {**application, **bundle}},
        "Environment": {"Type": "AWS::ElasticBeanstalk::Environment", "Properties": {**application, **label}},
    }
    published = {"EnvironmentName": {"Ref": "Environment"}, **label, "LogGroupName": {"Ref": "Log"}}
    project.add("service", template(made, **published), checks=[step()])
    project.deploy()
    assert f"environment {outputs(project)['EnvironmentName']} runs " in project.told.getvalue()
