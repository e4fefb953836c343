"""What a deploy expects to find in an account, for an account that is empty: images, secrets, a zone, a certificate."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import AwsError
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blueprints.render.manifest import Manifest, ParameterEntry, SecretEntry, StackEntry

IMAGE_TAG = "local"
ZONE = "example.com"
DOMAIN = f"app.{ZONE}"
_VALUE = "local-value"
_IMAGE_MANIFEST = '{"schemaVersion": 2, "config": {"digest": "sha256:%s"}, "layers": []}'

# What a parameter's name promises, most telling first; then what may fit any pattern.
_BY_NAME = (
    (r"Email", "operations@example.com"),
    (r"Connection", "arn:aws:codeconnections:us-east-1:000000000000:connection/11111111-2222-3333-4444-555555555555"),
    (r"PlatformArn$", "arn:aws:elasticbeanstalk:us-east-1::platform/Docker running on 64bit Amazon Linux 2023/4.9.0"),
    (r"ProviderArn$", "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"),
    (r"(Function|Hook)Arn$", "arn:aws:lambda:us-east-1:000000000000:function:local"),
    (r"Arn$", "arn:aws:iam::000000000000:role/local"),
    (r"Domain|HostName", DOMAIN),
    (r"Zone", "us-east-1a"),
    (r"Url|Uri|Endpoint", f"https://{DOMAIN}"),
    (r"Cidr", "10.0.0.0/16"),
    (r"PrefixList", "pl-3b927c52"),
    (r"Account", "000000000000"),
    (r"Repository|GitHub", "example/app"),
    (r"Branch", "main"),
)
_ANY = (IMAGE_TAG, "local-value-1", "Local1", DOMAIN, "operations@example.com", "example/app", "10.0.0.0/16", "1")


class Seeder:
    """Puts things into one emulator, by the AWS CLI as a person would."""

    def __init__(self, endpoint_url: str, environment: Mapping[str, str], region: str) -> None:
        self._endpoint_url = endpoint_url
        self._environment = environment
        self._region = region

    def parameters_of_ssm(self, manifest: Manifest) -> None:
        for entry in manifest.stacks:
            self._secure_strings(entry)

    def before_stack(self, entry: StackEntry, manifest: Manifest, parameters: Mapping[str, str]) -> None:
        self._secure_strings(entry)
        for secret in entry.secrets:
            if secret.kind == "secretsmanager":
                producer = manifest.stack(secret.stack or "")
                arn = self._output(producer, secret.output or "")
                value = ("--secret-id", arn, "--secret-string", _secret_value(secret, manifest))
                self._cli(producer.region).run("secretsmanager", "put-secret-value", *value)
        for image in entry.images:
            declared = entry.parameter(image.parameter)
            default = declared.default if declared and declared.default else IMAGE_TAG
            self._image(entry.region, image.repository, parameters.get(image.parameter, default))

    def required_parameters(self, manifest: Manifest) -> dict[str, str]:
        """A value for every parameter without a default, by its name; stacks that share a name share the value."""
        values: dict[str, str] = {}
        for entry in manifest.stacks:
            tags = {image.parameter for image in entry.images}
            for parameter in entry.parameters:
                if parameter.required and parameter.name not in values:
                    values[parameter.name] = IMAGE_TAG if parameter.name in tags else self._value(entry, parameter)
        return values

    def _value(self, entry: StackEntry, parameter: ParameterEntry) -> str:
        found = next((value for value in self._candidates(entry, parameter) if _fits(parameter, value)), None)
        if found is None:
            raise DeployError(
                f"the local deploy has no value for the parameter {parameter.name} of {entry.stack_name} "
                f"(it must match {parameter.pattern or parameter.type}): give one with --parameter {parameter.name}=..."
            )
        return found

    def _candidates(self, entry: StackEntry, parameter: ParameterEntry) -> Iterator[str]:
        yield from parameter.allowed_values or ()
        if parameter.type in ("Number", "List<Number>"):
            yield f"{parameter.min_value if parameter.min_value is not None else 1:g}"
        if "HostedZone" in parameter.name or parameter.type == "AWS::Route53::HostedZone::Id":
            yield self._hosted_zone(entry.region)
        if "Certificate" in parameter.name:
            yield self._certificate(entry.region)
        if parameter.type.removeprefix("List<").startswith("AWS::EC2::"):
            yield self._of_default_network(entry.region, parameter.type)
        yield from (value for pattern, value in _BY_NAME if re.search(pattern, parameter.name))
        yield from _ANY

    def _secure_strings(self, entry: StackEntry) -> None:
        for secret in entry.secrets:
            if secret.kind == "ssm" and secret.parameter_name:
                named = ("--name", secret.parameter_name, "--value", _VALUE)
                self._cli(entry.region).run("ssm", "put-parameter", *named, "--type", "SecureString", "--overwrite")

    def _output(self, producer: StackEntry, output: str) -> str:
        named = ("--stack-name", producer.stack_name)
        stacks = self._cli(producer.region).run("cloudformation", "describe-stacks", *named)["Stacks"]
        values = {each["OutputKey"]: str(each["OutputValue"]) for each in stacks[0].get("Outputs", [])}
        if output not in values:
            raise DeployError(f"the stack {producer.stack_name} has no output {output}: deploy it first")
        return values[output]

    def _image(self, region: str, repository: str, tag: str) -> None:
        manifest = _IMAGE_MANIFEST % tag.encode().hex().ljust(64, "0")[:64]
        named = ("--repository-name", repository, "--image-tag", tag, "--image-manifest", manifest)
        try:
            self._cli(region).run("ecr", "put-image", *named)
        except AwsError as error:
            # All that a seed wants is that the tag is there.
            if error.code not in {"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"}:
                raise

    def _hosted_zone(self, region: str) -> str:
        cli = self._cli(region)
        zones = cli.run("route53", "list-hosted-zones-by-name", "--dns-name", ZONE)["HostedZones"]
        known = [zone["Id"] for zone in zones if zone["Name"].rstrip(".") == ZONE]
        if not known:
            asked = ("--name", ZONE, "--caller-reference", "local")
            known = [cli.run("route53", "create-hosted-zone", *asked)["HostedZone"]["Id"]]
        return str(known[0]).removeprefix("/hostedzone/")

    def _certificate(self, region: str) -> str:
        asked = ("--domain-name", f"*.{ZONE}", "--validation-method", "DNS")
        return str(self._cli(region).run("acm", "request-certificate", *asked)["CertificateArn"])

    def _of_default_network(self, region: str, kind: str) -> str:
        """Ids of the network that every account has."""
        cli = self._cli(region)
        calls = {
            "VPC": lambda: [each["VpcId"] for each in cli.run("ec2", "describe-vpcs")["Vpcs"]],
            "Subnet": lambda: [each["SubnetId"] for each in cli.run("ec2", "describe-subnets")["Subnets"]],
            "SecurityGroup": lambda: [
                each["GroupId"] for each in cli.run("ec2", "describe-security-groups")["SecurityGroups"]
            ],
        }
        name = kind.removeprefix("List<").removeprefix("AWS::EC2::").split("::")[0]
        found = calls[name]() if name in calls else []
        return ",".join(found) if kind.startswith("List<") else next(iter(found), "")

    def _cli(self, region: str) -> AwsCli:
        return AwsCli(region, endpoint_url=self._endpoint_url, environment=self._environment)


def _secret_value(secret: SecretEntry, manifest: Manifest) -> str:
    """The value itself, or one JSON object with the members that any stack reads from the same secret."""
    same = [each for entry in manifest.stacks for each in entry.secrets if _place(each) == _place(secret)]
    members = {each.json_key: _VALUE for each in same if each.json_key}
    return json.dumps(members) if members else _VALUE


def _place(secret: SecretEntry) -> tuple[str | None, str | None]:
    return secret.stack, secret.output


def _fits(parameter: ParameterEntry, value: str) -> bool:
    if parameter.allowed_values:
        return value in parameter.allowed_values
    lengths = (parameter.min_length or 0) <= len(value) <= (parameter.max_length or len(value))
    return lengths and (parameter.pattern is None or re.fullmatch(parameter.pattern, value) is not None)
