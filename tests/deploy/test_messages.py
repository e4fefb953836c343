"""What a person reads when something fails: each message says what happened and what to do."""

from __future__ import annotations

import pytest

from blueprints.deploy import errors, root_cause
from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import from_stderr
from blueprints.deploy.root_cause import Cause
from blueprints.deploy.stacks import StackEvent
from blueprints.render.manifest import StackEntry
from tests.deploy.deployer_fixtures import template

SAID = "An error occurred ({}) when calling the DescribeStacks operation: {}"


def understood(stderr, profile=None):
    return from_stderr(
        stderr, service="cloudformation", operation="describe-stacks", region="eu-west-1", profile=profile
    )


@pytest.mark.parametrize(
    ("stderr", "kind", "says"),
    [
        ("\n" + SAID.format("ExpiredToken", "expired"), errors.ExpiredTokenError, "aws sso login"),
        ("aws: [ERROR]: " + SAID.format("ExpiredTokenException", "x"), errors.ExpiredTokenError, "it continues"),
        (
            "Error loading SSO Token: Token for corp does not exist",
            errors.ExpiredTokenError,
            "`aws sso login --profile work`",
        ),
        (
            "Error when retrieving token from sso: Token has expired and refresh failed",
            errors.ExpiredTokenError,
            "Renew",
        ),
        (SAID.format("InvalidClientTokenId", "The token is invalid"), errors.NoCredentialsError, "get-caller-identity"),
        (SAID.format("SignatureDoesNotMatch", "x"), errors.NoCredentialsError, "does not accept the credentials"),
        ("Unable to locate credentials. You can configure", errors.NoCredentialsError, "aws configure"),
        (
            "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY",
            errors.NoCredentialsError,
            "missing: AWS_S",
        ),
        ("The config profile (work) could not be found", errors.NoCredentialsError, "list-profiles"),
        (
            SAID.format("ValidationError", "User: x is not authorized to perform: ecs:CreateService on resource: *"),
            errors.AccessDeniedError,
            "not allowed: ecs:CreateService",
        ),
        (SAID.format("AccessDeniedException", "no"), errors.AccessDeniedError, "cloudformation:DescribeStacks"),
        (SAID.format("UnauthorizedOperation", "no"), errors.AccessDeniedError, "Ask for"),
        (
            "An error occurred (Throttling) when calling the X operation (reached max retries: 4): Rate exceeded",
            errors.ThrottledError,
            "(Rate exceeded), also after retries",
        ),
        (SAID.format("RequestLimitExceeded", "x"), errors.ThrottledError, "AWS_MAX_ATTEMPTS=10"),
        (SAID.format("InternalFailure", "x"), errors.ServiceFailedError, "health.aws.amazon.com"),
        (SAID.format("503", "Service Unavailable"), errors.ServiceFailedError, "run the same command again"),
        (SAID.format("ValidationError", "Stack [x] does not exist"), errors.NotFoundError, "does not exist"),
        (SAID.format("RepositoryNotFoundException", "x"), errors.NotFoundError, "x"),
        (SAID.format("NoSuchBucket", "x"), errors.NotFoundError, "x"),
        (
            SAID.format("ValidationError", "Template format error"),
            errors.ValidationFailedError,
            "Template format error",
        ),
        (SAID.format("LimitExceededException", "too many"), errors.AwsError, "failed with LimitExceededException"),
        ('Could not connect to the endpoint URL: "http://x"', errors.EndpointUnreachableError, "--endpoint-url"),
        ('Connect timeout on endpoint URL: "http://x"', errors.EndpointUnreachableError, "HTTPS_PROXY"),
        ("SSL validation failed for https://x", errors.EndpointUnreachableError, "AWS_CA_BUNDLE"),
        ("'Status'", errors.EndpointUnreachableError, "is no AWS answer: 'Status'"),
        ("Unable to parse response (not well-formed)", errors.EndpointUnreachableError, "is no AWS answer"),
        ("something new", errors.AwsError, "aws cloudformation describe-stacks in eu-west-1 failed: something new"),
        ("", errors.AwsError, "the AWS CLI printed nothing"),
    ],
)
def test_what_the_cli_prints_becomes_a_typed_error_that_says_what_to_do(stderr, kind, says):
    error = understood(stderr, profile="work")
    assert type(error) is kind
    assert says in str(error)


ENTRY = StackEntry(name="service", stack_name="facerec-dev-service", region="eu-west-1", yaml="y", json="j")
SERVICE = "arn:aws:ecs:eu-west-1:000000000000:service/facerec-dev/api"


def event(logical_id, status, reason="", *, kind="AWS::ECS::Service", physical_id=SERVICE, stack_id="STACK"):
    return StackEvent("e", stack_id, "10:00", logical_id, physical_id, kind, status, reason)


@pytest.fixture
def cli(account):
    return account.cli("eu-west-1")


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        (
            "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.",
            "aws ecs describe-services --cluster facerec-dev --services api",
        ),
        ("Resource did not stabilize", "--desired-status STOPPED"),
        ("ResourceInitializationError: unable to pull secrets", "check the route to ECR, Secrets Manager, SSM"),
        ("CannotPullContainerError: manifest unknown", "the image cannot be pulled"),
        ("Resource of type 'AWS::ECS::Service' with identifier 'x' already exists.", "something else has this name"),
        ("User: x is not authorized to perform: ecs:CreateService", "deploy with another --profile"),
        ("Unable to assume the service linked role", "makes its role, which takes a moment"),
        ("The maximum number of VPCs has been reached. LimitExceeded", "Service Quotas"),
        ("resource sg-1 has a dependent object", "network interface"),
        ("Action denied by stack policy: Deny rule [..]", "--allow-replace Api"),
    ],
)
def test_well_known_reasons_come_with_a_hint(cli, reason, hint):
    cause = Cause(event("Api", "CREATE_FAILED", reason))
    message = root_cause.message(cli, ENTRY, "UPDATE_ROLLBACK_COMPLETE", cause, "")
    assert f"Root cause: Api (AWS::ECS::Service) CREATE_FAILED:\n  {reason}\nHint: " in message
    assert hint in message


@pytest.mark.parametrize(
    ("status", "way_on"),
    [
        ("ROLLBACK_COMPLETE", "--replace-failed"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name facerec-dev-service"),
        ("UPDATE_ROLLBACK_COMPLETE", "The stack is back where it was"),
        ("DELETE_FAILED", "Mend the cause, then run the same command again"),
    ],
)
def test_each_end_state_says_how_to_go_on(cli, status, way_on):
    message = root_cause.message(cli, ENTRY, status, None, "Transform failed")
    assert "CloudFormation names no resource; it says: Transform failed" in message
    assert way_on in message.splitlines()[-1]


def test_the_cause_is_the_first_failure_that_is_no_consequence(cli):
    stack = {"kind": "AWS::CloudFormation::Stack", "physical_id": "STACK"}
    found = root_cause.find(
        cli,
        [
            event("Early", "CREATE_IN_PROGRESS"),
            event("Victim", "CREATE_FAILED", "Resource creation cancelled"),
            event("Api", "CREATE_FAILED", "boom"),
            event("Second", "CREATE_FAILED", "also"),
            event("s", "UPDATE_FAILED", "The following resource(s) failed to create: [Api].", **stack),
        ],
    )
    assert found == Cause(event("Api", "CREATE_FAILED", "boom"))
    assert root_cause.find(cli, [event("Api", "CREATE_COMPLETE")]) is None


def test_a_nested_stack_is_looked_into(cli, proxy):
    from tests.deploy.test_delete import event as xml_event  # noqa: PLC0415
    from tests.deploy.test_delete import events  # noqa: PLC0415

    proxy.inject("DescribeStackEvents", events(xml_event(1, "Deep", "AWS::SQS::Queue", "CREATE_FAILED", "boom")))
    nested = "arn:aws:cloudformation:eu-west-1:000000000000:stack/inner/1"
    outer = event(
        "Inner", "CREATE_FAILED", "Embedded stack failed", kind="AWS::CloudFormation::Stack", physical_id=nested
    )
    found = root_cause.find(cli, [outer])
    assert found is not None
    assert (found.event.logical_id, found.inside) == ("Deep", ("Inner",))
    assert "Deep (AWS::SQS::Queue) in nested stack Inner" in root_cause.message(
        cli, ENTRY, "ROLLBACK_COMPLETE", found, ""
    )


def test_a_command_can_be_copied_as_it_stands(tmp_path):
    cli = AwsCli("eu-west-1", environment={"PATH": ""})
    cause = Cause(event("Api", "CREATE_FAILED", "Circuit Breaker"))
    message = root_cause.message(cli, ENTRY, "UPDATE_ROLLBACK_COMPLETE", cause, "", logs=["/ecs/api"])
    assert (
        "Why tasks stopped: aws ecs describe-tasks --cluster facerec-dev --tasks $(aws ecs list-tasks --cluster "
        "facerec-dev --desired-status STOPPED --query 'taskArns[]' --output text --region eu-west-1) "
        "--query 'tasks[].stoppedReason' --region eu-west-1\n"
    ) in message
    assert "What the container wrote: aws logs tail /ecs/api --since 30m --region eu-west-1\n" in message


def test_logs_that_went_with_the_rollback_are_not_promised(cli):
    cause = Cause(event("Api", "CREATE_FAILED", "Circuit Breaker"))
    message = root_cause.message(cli, ENTRY, "ROLLBACK_COMPLETE", cause, "")
    assert "What the container wrote: nothing is left, its log group went with the rollback\n" in message


def test_only_the_log_groups_that_a_stack_still_has_are_named(project):
    groups = {"Kept": f"/ecs/{project.name}", "Requests": f"aws-waf-logs-{project.name}"}
    body = template(
        {key: {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name}} for key, name in groups.items()}
    )
    stack = project.add("app", body)
    project.exists("app", body)
    assert root_cause.log_groups(project.account.cli(), stack) == (f"/ecs/{project.name}",)
    assert root_cause.log_groups(project.account.cli(), f"{stack}-none") == ()
