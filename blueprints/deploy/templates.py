"""A template on its way to CloudFormation: inline while it is small, through a bucket when it is not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from pathlib import Path

    from blueprints.deploy.aws import AwsCli
    from blueprints.render.manifest import StackEntry

INLINE_LIMIT = 51_200
BUCKET_LIMIT = 1_048_576


def template_argument(cli: AwsCli, entry: StackEntry, folder: Path, bucket: str | None) -> dict[str, str]:
    """Return TemplateBody, or TemplateURL after the upload."""
    body = check_template(entry, folder, bucket)
    if len(body) <= INLINE_LIMIT or bucket is None:
        return {"TemplateBody": body.decode()}
    key = f"blueprints/{entry.stack_name}/{hashlib.sha256(body).hexdigest()[:32]}.yaml"
    path = str(entry.template_path(folder))
    cli.run("s3api", "put-object", "--bucket", bucket, "--key", key, "--body", path)
    return {"TemplateURL": f"{_bucket_url(cli, bucket)}/{key}"}


def check_template(entry: StackEntry, folder: Path, bucket: str | None) -> bytes:
    """Read the template; refuse one that cannot be sent."""
    path = entry.template_path(folder)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise DeployError(
            f"the template of stack {entry.name} cannot be read ({path}: {error.strerror}): "
            "run `blueprints render` first, and keep the manifest beside its templates"
        ) from None
    if len(body) > BUCKET_LIMIT:
        raise DeployError(
            f"the template of stack {entry.name} has {len(body):,} bytes; CloudFormation takes at most "
            f"{BUCKET_LIMIT:,}, also from a bucket: split the stack"
        )
    if len(body) > INLINE_LIMIT and bucket is None:
        raise DeployError(
            f"the template of stack {entry.name} has {len(body):,} bytes; CloudFormation takes at most "
            f"{INLINE_LIMIT:,} without a bucket: name one of yours with --bucket NAME and it is uploaded there first"
        )
    return body


def _bucket_url(cli: AwsCli, bucket: str) -> str:
    if cli.endpoint_url:
        return f"{cli.endpoint_url.rstrip('/')}/{bucket}"
    # us-east-1 has no name here, and a bucket may lie in another region than the stack.
    location = cli.run("s3api", "get-bucket-location", "--bucket", bucket).get("LocationConstraint")
    region = {None: "us-east-1", "EU": "eu-west-1"}.get(location, location)
    domain = "amazonaws.com.cn" if str(region).startswith("cn-") else "amazonaws.com"
    return f"https://s3.{region}.{domain}/{bucket}"
