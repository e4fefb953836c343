"""MiniStack's own handlers where they lose or misreport something that we render: each wraps the handler it mends."""

import json

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.api import call, parameters
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted


class Secret:
    """`Ref` is the ARN with its random ending; MiniStack answers and expects the name.

    It also leaves most of GenerateSecretString aside.
    """

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._answer(self._native.create(_generated(wanted)))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        name, asked = _secret_name(physical_id), wanted.get("GenerateSecretString")
        same = (asked, wanted.get("Name")) == (before.get("GenerateSecretString"), before.get("Name"))
        if not asked or same:
            return self._answer(self._native.update(name, before, wanted))
        without = {key: value for key, value in before.items() if key != "GenerateSecretString"}
        return self._answer(self._native.update(name, without, _generated(wanted)))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(_secret_name(physical_id), properties)

    def _answer(self, made: Made) -> Made:
        arn = str(made.attributes["Id"])
        return Made(arn, {"Id": arn})


def _generated(wanted: Wanted) -> Wanted:
    """The value that is generated as the one that is given: the password itself, or a member of the JSON around it."""
    asked = dict(wanted.get("GenerateSecretString") or {})
    if not asked or "SecretString" in wanted.properties:
        return wanted
    template, key = asked.pop("SecretStringTemplate", None), asked.pop("GenerateStringKey", None)
    if (template is None) != (key is None):
        raise RefusedError("SecretStringTemplate and GenerateStringKey must both be given, or neither")
    password = str(call("secretsmanager", "GetRandomPassword", asked)["RandomPassword"])
    value = password if template is None else json.dumps({**json.loads(template), key: password})
    given = {name: item for name, item in wanted.properties.items() if name != "GenerateSecretString"}
    return wanted.replaced({**given, "SecretString": value})


def _secret_name(arn: str) -> str:
    return next((name for name, secret in internals.SECRETS.items() if secret["ARN"] == arn), arn)


class InstanceProfile:
    """`Ref` is the name; MiniStack answers and expects the ARN."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._answer(self._native.create(wanted))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._answer(self._native.update(self._arn(physical_id, before), before, wanted))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(self._arn(physical_id, properties), properties)

    def _answer(self, made: Made) -> Made:
        return Made(made.physical_id.rsplit("/", 1)[-1], made.attributes)

    def _arn(self, name: str, properties: Properties) -> str:
        return f"arn:aws:iam::{internals.account()}:instance-profile{properties.get('Path', '/')}{name}"


class LoadBalancer:
    """A load balancer is in the VPC of its subnets; MiniStack says the default one."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        _require_ipv6(wanted)
        made = self._native.create(wanted)
        subnet = internals.SUBNETS.get(next(iter(wanted.get("Subnets") or ()), ""))
        if subnet:
            internals.LOAD_BALANCERS[made.physical_id]["VpcId"] = subnet["VpcId"]
        return made

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _require_ipv6(wanted)
        return self._native.update(physical_id, before, wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)


def _require_ipv6(wanted: Wanted) -> None:
    """A load balancer that answers on IPv6 must be in subnets that have it."""
    if not str(wanted.get("IpAddressType", "ipv4")).startswith("dualstack"):
        return
    without = [name for name in wanted.get("Subnets") or () if not internals.SUBNETS.get(name, {}).get("Ipv6CidrBlock")]
    if without:
        raise RefusedError(f"You must specify subnets with an associated IPv6 CIDR block: {', '.join(without)}")


class Cluster:
    """MiniStack's handler drops the namespace that services connect in."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._connected(self._native.create(wanted), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._connected(self._native.update(physical_id, before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _connected(self, made: Made, wanted: Wanted) -> Made:
        if "ServiceConnectDefaults" in wanted.properties:
            asked = {"Cluster": made.physical_id, "ServiceConnectDefaults": wanted["ServiceConnectDefaults"]}
            call("ecs", "UpdateCluster", parameters("ecs", "UpdateCluster", asked))
        return made


class Alarm:
    """An alarm over metric math: MiniStack refuses `Metrics`, but keeps and shows what an alarm's record holds."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._shown(self._native.create(_without_metrics(wanted)), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._shown(self._native.update(physical_id, before, _without_metrics(wanted)), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _shown(self, made: Made, wanted: Wanted) -> Made:
        record = internals.ALARMS[made.physical_id]
        if "Metrics" in wanted.properties:
            for name in ("MetricName", "Namespace", "Statistic", "Period", "Dimensions"):
                record.pop(name, None)
            record["Metrics"] = parameters("cloudwatch", "PutMetricAlarm", {"Metrics": wanted["Metrics"]})["Metrics"]
        if "ExtendedStatistic" in wanted.properties:
            # An alarm has one statistic or the other; MiniStack adds an average.
            record.pop("Statistic", None)
        if "ThresholdMetricId" in wanted.properties:
            record["ThresholdMetricId"] = wanted["ThresholdMetricId"]
        return made


def _without_metrics(wanted: Wanted) -> Wanted:
    if "Metrics" not in wanted.properties:
        return wanted
    stub = {"MetricName": "metric-math", "Namespace": "metric-math", "Threshold": 0}
    return wanted.replaced({**stub, **{name: value for name, value in wanted.properties.items() if name != "Metrics"}})


class Topic:
    """MiniStack's handler drops the key that a topic is encrypted with."""

    def __init__(self, native: Handler) -> None:
        self._native = native

    def create(self, wanted: Wanted) -> Made:
        return self._encrypted(self._native.create(wanted), wanted)

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return self._encrypted(self._native.update(physical_id, before, wanted), wanted)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._native.delete(physical_id, properties)

    def _encrypted(self, made: Made, wanted: Wanted) -> Made:
        attributes = internals.TOPICS[made.physical_id]["attributes"]
        attributes.pop("KmsMasterKeyId", None)
        if "KmsMasterKeyId" in wanted.properties:
            attributes["KmsMasterKeyId"] = wanted["KmsMasterKeyId"]
        return made
