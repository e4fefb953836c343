"""What the AWS CLI can answer instead of data, as types, each with a message that says what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from blueprints.model.errors import DeployError


class AwsError(DeployError):
    """An AWS CLI call failed; ``code`` is the service's error code where there is one."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class CliNotFoundError(AwsError):
    """No AWS CLI on this machine."""


class NoCredentialsError(AwsError):
    """No credentials, or ones that AWS does not know."""


class ExpiredTokenError(AwsError):
    """The credentials were good once."""


class AccessDeniedError(AwsError):
    """The credentials are good but not allowed to do this."""


class EndpointUnreachableError(AwsError):
    """Nobody answers, or the answer is no AWS answer."""


class ThrottledError(AwsError):
    """Too many calls, even after the CLI's own retries."""


class ServiceFailedError(AwsError):
    """The service failed (HTTP 5xx), even after the CLI's own retries."""


class NotFoundError(AwsError):
    """What the call names does not exist."""


class ValidationFailedError(AwsError):
    """The service refused the request as it stands."""


class CliTimeoutError(AwsError):
    """The AWS CLI did not come back in time."""


TRANSIENT = (ThrottledError, ServiceFailedError, EndpointUnreachableError, CliTimeoutError)


@dataclass(frozen=True)
class _Rule:
    """What is recognised by one of these signs becomes this error with this message."""

    signs: tuple[str, ...]
    error: type[AwsError]
    message: str


_EXPIRED = (
    "the AWS credentials have expired ({call}): {message}\n"
    "Renew them (`{login}`, or new temporary keys), then run the same command again: it continues"
)

# By error code. The order decides: an exact code before a part of one.
_BY_CODE = (
    _Rule(("ExpiredToken", "RequestExpired", "TokenRefreshRequired"), ExpiredTokenError, _EXPIRED),
    _Rule(
        (
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "InvalidAccessKeyId",
            "AuthFailure",
            "IncompleteSignature",
            "MissingAuthenticationToken",
        ),
        NoCredentialsError,
        "AWS does not accept the credentials ({code}, {call}): {message}\n"
        "Check with `aws sts get-caller-identity`; name others with --profile, or run `aws configure` or "
        "`aws sso login`",
    ),
    _Rule(
        ("AccessDenied", "UnauthorizedOperation", "AuthorizationError", "OptInRequired"),
        AccessDeniedError,
        "not allowed: {action} ({call}): {message}\n"
        "Ask for {action} on this resource, or name a profile that has it with --profile",
    ),
    _Rule(
        ("Throttling", "TooManyRequests", "RequestLimitExceeded", "SlowDown"),
        ThrottledError,
        "AWS throttled {call} ({message}), also after retries: run the same command again in a minute; "
        "AWS_MAX_ATTEMPTS=10 makes the AWS CLI more patient",
    ),
    _Rule(
        ("InternalFailure", "InternalError", "InternalServerError", "ServiceUnavailable", "500", "502", "503", "504"),
        ServiceFailedError,
        "the service failed at {call} ({code}: {message}): run the same command again; "
        "https://health.aws.amazon.com/health/status says whether AWS has a problem",
    ),
    _Rule(("NotFound", "NoSuch", "DoesNotExist"), NotFoundError, "{call}: {message}"),
    _Rule(
        ("ValidationError", "ValidationException", "InvalidParameter"),
        ValidationFailedError,
        "AWS refused {call}: {message}",
    ),
    _Rule(("",), AwsError, "{call} failed with {code}: {message}"),
)

# What the CLI prints when it did not get as far as an error code.
_BY_TEXT = (
    _Rule(
        ("The config profile",),
        NoCredentialsError,
        "there is no such AWS profile ({call}): {message}\n"
        "`aws configure list-profiles` lists those there are; name one with --profile",
    ),
    _Rule(
        ("Error loading SSO Token", "SSO session associated with this profile has expired", "Token has expired"),
        ExpiredTokenError,
        _EXPIRED,
    ),
    _Rule(
        ("Unable to locate credentials", "Partial credentials found", "Error when retrieving credentials"),
        NoCredentialsError,
        "there are no AWS credentials ({call}: {message}): "
        "run `aws configure` or `aws sso login`, set AWS_PROFILE, or name a profile with --profile",
    ),
    _Rule(
        (
            "Could not connect to the endpoint URL",
            "Connect timeout on endpoint URL",
            "Read timeout on endpoint URL",
            "Connection was closed before we received a valid response",
            "Failed to connect to proxy URL",
            "Connection reset by peer",
            "Connection aborted",
        ),
        EndpointUnreachableError,
        "no answer to {call}: {message}\n"
        "Check the network, the proxy (HTTPS_PROXY), the region and --endpoint-url; then run the same command again",
    ),
    _Rule(
        ("Unable to parse response",),
        EndpointUnreachableError,
        "the answer to {call} is no AWS answer: {message}\n"
        "A proxy or a wrong --endpoint-url stands in between: check both, then run the same command again",
    ),
    _Rule(
        ("SSL validation failed",),
        EndpointUnreachableError,
        "the certificate of the endpoint is not trusted ({call}): {message}\n"
        "Behind a proxy that opens TLS, name its certificates in AWS_CA_BUNDLE",
    ),
    _Rule(("",), AwsError, "{call} failed: {message}"),
)

# "aws: [ERROR]: " in front and "(reached max retries: 4)" come and go with the version of the CLI.
_SERVICE_ERROR = re.compile(
    r"An error occurred \((?P<code>[^)]*)\) when calling the (?P<operation>\w+) operation"
    r"(?: \(reached max retries: \d+\))?: ?(?P<message>.*)",
    re.DOTALL,
)
_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")
# An answer without what the CLI looks for in it makes the CLI print nothing but the name of the missing key.
_BARE_KEY = re.compile(r"'\w+'")
_LONGEST = 1000


def from_stderr(stderr: str, *, service: str, operation: str, region: str, profile: str | None) -> AwsError:
    """Turn what the CLI printed into a typed error."""
    facts = {
        "call": f"aws {service} {operation} in {region}",
        "login": f"aws sso login --profile {profile}" if profile else "aws sso login",
    }
    found = _SERVICE_ERROR.search(stderr)
    if found is None:
        message = _last_line(stderr)[:_LONGEST] or "the AWS CLI printed nothing"
        rule = _rule(_BY_TEXT, "Unable to parse response" if _BARE_KEY.fullmatch(message) else stderr)
        return rule.error(rule.message.format(message=message, **facts))
    code, message = found["code"], found["message"].strip()[:_LONGEST]
    denied = _ACTION.search(message)
    action = denied[1] if denied else f"{service}:{found['operation']}"
    rule = _rule(_BY_CODE, _telling(code, message))
    return rule.error(rule.message.format(code=code, message=message, action=action, **facts), code=code)


def _telling(code: str, message: str) -> str:
    """Return the code that says it best: CloudFormation hides several cases behind ValidationError."""
    if "is not authorized to perform" in message:
        return "AccessDenied"
    if "Rate exceeded" in message:
        return "Throttling"
    if code in {"ValidationError", "ValidationException"} and "does not exist" in message:
        return "NotFound"
    return code


def _rule(rules: tuple[_Rule, ...], text: str) -> _Rule:
    return next(rule for rule in rules if any(sign in text for sign in rule.signs))


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
