"""The AWS CLI as a function: what it is asked, and what each way to fail becomes."""

from __future__ import annotations

import json
import socket
import stat
import sys
from pathlib import Path

import pytest

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import (
    AccessDeniedError,
    AwsError,
    CliNotFoundError,
    CliTimeoutError,
    EndpointUnreachableError,
    ExpiredTokenError,
    NoCredentialsError,
    NotFoundError,
    ServiceFailedError,
    ThrottledError,
    ValidationFailedError,
)
from tests.deploy.proxy import EXPIRED, FAILURE, GARBAGE, THROTTLE, Hang, Reset, denied

LIST = ("cloudformation", "list-stacks")


def test_an_answer_is_parsed_json(account):
    assert "StackSummaries" in account.cli().run(*LIST)


def test_an_operation_without_an_answer_gives_an_empty_dict(account):
    assert account.cli().run("cloudformation", "delete-stack", "--stack-name", "none-such") == {}


def test_throttling_is_told_apart(account, proxy):
    proxy.inject("ListStacks", THROTTLE)
    with pytest.raises(ThrottledError, match="AWS throttled aws cloudformation list-stacks in us-east-1"):
        account.cli().run(*LIST)


def test_one_throttled_call_is_retried_by_the_cli(account, proxy):
    proxy.inject("ListStacks", THROTTLE)
    assert "StackSummaries" in account.cli(environment={"AWS_MAX_ATTEMPTS": "2"}).run(*LIST)


def test_a_service_that_fails_is_told_apart(account, proxy):
    proxy.inject("ListStacks", FAILURE)
    with pytest.raises(ServiceFailedError, match="the service failed"):
        account.cli().run(*LIST)


def test_a_denied_call_names_the_action(account, proxy):
    proxy.inject("ListStacks", denied("cloudformation:ListStacks"))
    with pytest.raises(AccessDeniedError, match=r"not allowed: cloudformation:ListStacks .*\n.*--profile"):
        account.cli().run(*LIST)


def test_an_expired_token_says_how_to_renew_it(account, proxy):
    proxy.inject("ListStacks", EXPIRED)
    with pytest.raises(ExpiredTokenError, match=r"have expired[^\n]*\nRenew them \(`aws sso login`"):
        account.cli().run(*LIST)


def test_a_connection_that_is_reset_is_an_unreachable_endpoint(account, proxy):
    proxy.inject("ListStacks", Reset())
    with pytest.raises(EndpointUnreachableError, match="no answer to aws cloudformation list-stacks"):
        account.cli().run(*LIST)


def test_an_answer_that_hangs_is_given_up(account, proxy):
    proxy.inject("ListStacks", Hang())
    with pytest.raises(EndpointUnreachableError, match="Read timeout"):
        account.cli(read_timeout=1).run(*LIST)


def test_an_answer_that_is_no_aws_answer_says_so(account, proxy):
    proxy.inject("ListStacks", GARBAGE)
    with pytest.raises(EndpointUnreachableError, match=r"is no AWS answer.*\n.*--endpoint-url"):
        account.cli().run(*LIST)


def test_an_endpoint_where_nobody_listens_is_unreachable(account):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        account.endpoint_url = f"http://localhost:{free.getsockname()[1]}"
        with pytest.raises(EndpointUnreachableError, match="Could not connect"):
            account.cli().run(*LIST)


def test_no_credentials_says_where_they_can_come_from(account):
    del account.environment["AWS_ACCESS_KEY_ID"], account.environment["AWS_SECRET_ACCESS_KEY"]
    with pytest.raises(NoCredentialsError, match=r"there are no AWS credentials .*aws configure.*--profile"):
        account.cli().run(*LIST)


def test_an_unknown_profile_is_named(account):
    with pytest.raises(NoCredentialsError, match=r"no such AWS profile.*nobody.*\n.*list-profiles"):
        account.cli(profile="nobody").run(*LIST)


def test_a_missing_stack_and_a_refused_request_are_told_apart(account):
    with pytest.raises(NotFoundError, match="does not exist"):
        account.cli().run("cloudformation", "describe-stacks", "--stack-name", "none-such")
    with pytest.raises(ValidationFailedError, match="AWS refused aws cloudformation create-stack"):
        account.cli().run("cloudformation", "create-stack", "--stack-name", "1-no-name", "--template-body", "{}")


def test_a_cli_that_does_not_come_back_is_stopped(account):
    with pytest.raises(CliTimeoutError, match=r"did not come back within 0.001 seconds"):
        account.cli(timeout=0.001).run(*LIST)


def test_without_a_cli_there_is_a_way_to_get_one(tmp_path):
    with pytest.raises(CliNotFoundError, match=r"no `aws` on PATH \(which is empty\).*\nInstall it \(https:"):
        AwsCli("us-east-1", environment={"PATH": ""}, beside=tmp_path)


def test_a_cli_beside_this_python_is_found():
    assert AwsCli("us-east-1", environment={"PATH": ""}, beside=Path(sys.executable).parent).region == "us-east-1"


@pytest.fixture
def recorder(tmp_path):
    """An `aws` that prints what it was started with."""
    script = tmp_path / "bin" / "aws"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "request = [a[7:] for a in sys.argv if a.startswith('file://')]\n"
        "print(json.dumps({'argv': sys.argv[1:], 'environment': dict(os.environ),"
        " 'request': json.load(open(request[0])) if request else None}))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"PATH": str(script.parent)}


def test_the_endpoint_is_given_both_ways(recorder):
    cli = AwsCli("eu-west-1", "work", "http://localhost:1", {**recorder, "AWS_ENDPOINT_URL": "http://elsewhere"})
    seen = cli.run("sqs", "list-queues")
    assert seen["argv"][seen["argv"].index("--endpoint-url") + 1] == "http://localhost:1"
    assert seen["environment"]["AWS_ENDPOINT_URL"] == "http://localhost:1"
    assert seen["argv"][seen["argv"].index("--profile") + 1] == "work"
    assert seen["environment"]["AWS_PAGER"] == ""


def test_parameter_values_are_not_in_the_process_list(recorder):
    seen = AwsCli("eu-west-1", environment=recorder).call("cloudformation", "create-change-set", {"Secret": "hunter2"})
    assert "hunter2" not in json.dumps(seen["argv"])
    assert seen["request"] == {"Secret": "hunter2"}


def test_the_users_own_retry_settings_win(recorder):
    seen = AwsCli("eu-west-1", environment={**recorder, "AWS_MAX_ATTEMPTS": "9"}).run("sts", "get-caller-identity")
    assert seen["environment"]["AWS_MAX_ATTEMPTS"] == "9"
    assert seen["environment"]["AWS_RETRY_MODE"] == "standard"


def test_a_command_for_a_person_has_the_same_region_profile_and_endpoint(recorder):
    cli = AwsCli("eu-west-1", "work", "http://localhost:1", recorder)
    assert cli.command("s3", "ls") == "aws s3 ls --region eu-west-1 --profile work --endpoint-url http://localhost:1"


# Secrets


@pytest.fixture
def quoting(tmp_path):
    """Makes an `aws` that fails, or answers, with what it was handed."""

    def make(script: str) -> dict[str, str]:
        path = tmp_path / "quoting" / "aws"
        path.parent.mkdir()
        path.write_text(f"#!{sys.executable}\nimport sys\nsecret = open('/dev/stdin').read()\n{script}\n")
        path.chmod(0o700)
        return {"PATH": str(path.parent)}

    return make


HANDED = "hunter2"


def put(cli, secret=HANDED):
    named = ("--secret-id", "key")
    return cli.run_with_secret("secretsmanager", "put-secret-value", *named, option="--secret-string", secret=secret)


@pytest.mark.row("CA-04", "RC-08")
def test_a_secret_reaches_the_cli_through_a_pipe_and_by_no_other_way(quoting):
    tell = "import json, os\nprint(json.dumps([secret, sys.argv[1:], dict(os.environ)]))"
    secret, arguments, environment = put(AwsCli("eu-west-1", environment=quoting(tell)))["Answer"]
    assert secret == "hunter2"
    assert arguments[:4] == ["secretsmanager", "put-secret-value", "--secret-string", "file:///dev/stdin"]
    assert "hunter2" not in json.dumps([arguments, environment])


@pytest.mark.parametrize("secret", ["plain é text ", '{"api_key": "hunter2"}', "file:///dev/null", "one\n\ttwo", "-x"])
def test_the_cli_hands_a_secret_on_as_it_is(account, secret):
    client = account.client("secretsmanager")
    client.create_secret(Name="key")
    put(with_standard_input(account), secret)
    assert client.get_secret_value(SecretId="key")["SecretString"] == secret


def with_standard_input(account, **environment):
    """The AWS CLI itself: the one that is always warm has no standard input."""
    return account.cli(environment={"PATH": "", **environment})


def test_the_history_of_the_cli_does_not_get_a_secret(account):
    Path(account.environment["AWS_CONFIG_FILE"]).write_text("[default]\ncli_history = enabled\n")
    account.client("secretsmanager").create_secret(Name="key")
    cli = with_standard_input(account)
    cli.run("secretsmanager", "describe-secret", "--secret-id", "key")
    put(cli)
    kept = [path.read_bytes() for path in Path(account.environment["HOME"]).rglob("*") if path.is_file()]
    assert any(b"describe-secret" in text for text in kept)
    assert not any(b"hunter2" in text for text in kept)


def test_a_cli_that_insists_on_its_history_says_how_to_switch_it_off(quoting):
    cli = AwsCli("eu-west-1", environment=quoting("sys.exit('unable to open database file')"))
    with pytest.raises(AwsError, match="aws configure set cli_history disabled"):
        put(cli)


SAID = "An error occurred ({}) when calling the PutSecretValue operation{}: "


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (SAID.format("ValidationException", ""), ValidationFailedError),
        (SAID.format("ThrottlingException", " (reached max retries: 4)"), ThrottledError),
        (SAID.format("ResourceNotFoundException", ""), NotFoundError),
        (SAID.format("InvalidRequestException", ""), AwsError),
        ("Error parsing parameter: Invalid JSON received: ", AwsError),
        ("Unable to parse response, invalid JSON received: ", EndpointUnreachableError),
        ("Could not connect to the endpoint URL: ", EndpointUnreachableError),
    ],
)
def test_an_error_does_not_quote_a_secret(quoting, said, error):
    cli = AwsCli("eu-west-1", environment=quoting(f"sys.exit({said!r} + repr(secret) + ' is ' + secret)"))
    with pytest.raises(error) as failed:
        put(cli)
    assert "aws secretsmanager put-secret-value in eu-west-1" in str(failed.value)
    assert "its words are left out" in str(failed.value)
    assert "hunter2" not in str(failed.value)


def test_a_denied_secret_still_names_the_action(quoting):
    said = SAID.format("AccessDeniedException", "") + "User: x is not authorized to perform: kms:GenerateDataKey on "
    cli = AwsCli("eu-west-1", environment=quoting(f"sys.exit({said!r} + secret)"))
    with pytest.raises(AccessDeniedError, match="not allowed: kms:GenerateDataKey") as failed:
        put(cli)
    assert "hunter2" not in str(failed.value)


def test_an_answer_that_is_no_json_does_not_quote_a_secret(quoting):
    cli = AwsCli("eu-west-1", environment=quoting("print('<html>', secret)"))
    with pytest.raises(EndpointUnreachableError, match=r"is no JSON: \(its words are left out") as failed:
        put(cli)
    assert "hunter2" not in str(failed.value)
