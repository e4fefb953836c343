"""Elastic Beanstalk, which MiniStack does not have: stand-ins, with what it would refuse and how it names things."""

import hashlib
from typing import Any

from blueprints.deploy.emulator import internals, models
from blueprints.deploy.emulator.api import call
from blueprints.deploy.emulator.resources import Handler, Made, Properties, RefusedError, Wanted

_VERSION = "AWS::ElasticBeanstalk::ApplicationVersion"


class ApplicationVersion:
    """`Ref` is the label alone, and a version is made of a bundle that is there."""

    def __init__(self, stand_in: Handler) -> None:
        self._stand_in = stand_in

    def create(self, wanted: Wanted) -> Made:
        _require_bundle(wanted["SourceBundle"])
        return _labelled(self._stand_in.create(wanted))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        return _labelled(self._stand_in.update(physical_id, before, wanted))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._stand_in.delete(physical_id, properties)


class Environment:
    """Its endpoint is the name of a load balancer, without a scheme, and it runs a version that is there."""

    def __init__(self, stand_in: Handler) -> None:
        self._stand_in = stand_in

    def create(self, wanted: Wanted) -> Made:
        _require_version(wanted)
        return _reachable(self._stand_in.create(wanted))

    def update(self, physical_id: str, before: Properties, wanted: Wanted) -> Made:
        _require_version(wanted)
        return _reachable(self._stand_in.update(physical_id, before, wanted))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self._stand_in.delete(physical_id, properties)


def _require_bundle(bundle: Properties) -> None:
    where = {"Bucket": bundle["S3Bucket"], "Key": bundle["S3Key"]}
    try:
        call("s3", "HeadObject", where)
    except RefusedError:
        place = f"(Bucket: {where['Bucket']}  Key: {where['Key']})"
        raise RefusedError(f"Unable to download from S3 location {place}. Reason: Not Found") from None


def _require_version(wanted: Wanted) -> None:
    label = wanted.get("VersionLabel")
    if label is not None and not models.is_known(_VERSION, label):
        raise RefusedError(f"No Application Version named '{label}' found.")


def _labelled(made: Made) -> Made:
    label = str(made.attributes["Id"])
    return Made(label, made.attributes)


def _reachable(made: Made) -> Made:
    name = hashlib.sha256(made.physical_id.encode()).hexdigest()[:13].upper()
    endpoint: dict[str, Any] = {"EndpointURL": f"awseb-{name}.{internals.region()}.elb.amazonaws.com"}
    return Made(made.physical_id, {**made.attributes, **endpoint})
