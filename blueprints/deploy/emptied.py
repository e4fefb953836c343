"""Buckets of bundles: what the deployer put there goes with the stack, because S3 deletes no bucket that holds any."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.stacks import StackState
    from blueprints.render.manifest import Manifest, StackEntry

# DeleteObjects takes 1,000 keys (Amazon S3 API Reference).
_MOST_KEYS = 1000


def bundle_buckets(manifest: Manifest, owner: StackEntry, state: StackState) -> frozenset[str]:
    """Return the buckets of this stack that bundles of the environment are uploaded to."""
    steps = (step.bucket for entry in manifest.stacks for step in entry.bundles)
    names = (state.outputs.get(bucket.output) for bucket in steps if bucket.stack == owner.name)
    return frozenset(filter(None, names))


def empty(cli: AwsCli, buckets: Collection[str]) -> None:
    """Delete every version of every object."""
    for bucket in sorted(buckets):
        with suppress(NotFoundError):  # it went with an earlier try
            for objects in _in_lots(cli, bucket):
                cli.call("s3api", "delete-objects", {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}})


def _in_lots(cli: AwsCli, bucket: str) -> Iterator[list[dict[str, Any]]]:
    # The AWS CLI reads all pages, so this is everything that is there.
    listed = cli.run("s3api", "list-object-versions", "--bucket", bucket)
    found = [*(listed.get("Versions") or ()), *(listed.get("DeleteMarkers") or ())]
    keys = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
    yield from (keys[first : first + _MOST_KEYS] for first in range(0, len(keys), _MOST_KEYS))
