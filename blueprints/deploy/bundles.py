"""Bundles: the text files of an application version, zipped and put where their stack looks for them."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from blueprints.deploy.errors import AwsError, NotFoundError
from blueprints.deploy.marks import fill, fill_yaml, marks
from blueprints.deploy.outputs import read_outputs
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blueprints.deploy.aws import AwsCli
    from blueprints.deploy.progress import Reporter
    from blueprints.deploy.stacks import StackState
    from blueprints.model.steps import Bundle
    from blueprints.render.manifest import Manifest, StackEntry

# The first moment that a zip file can name: the same files give the same bytes at any time.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_YAML = frozenset({".yaml", ".yml", ".config"})  # .config: Elastic Beanstalk's .ebextensions
_DIGEST = "sha256"


@dataclass(frozen=True)
class ReadyBundle:
    """A bundle as it would be uploaded; ``is_there`` where the bucket has exactly this."""

    bucket: str
    key: str
    region: str
    content: bytes
    is_there: bool

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def prepare(
    factory: Callable[[str], AwsCli],
    manifest: Manifest,
    entry: StackEntry,
    parameters: Mapping[str, str],
    state: StackState | None,
) -> list[ReadyBundle]:
    """Zip the bundles of a stack, which will have these values of its parameters; nothing is uploaded yet.

    Raises:
        DeployError: a value is not known, or what runs was made from another content under the same key.

    """
    told = _told(entry, parameters)
    running = _told(entry, state.parameters) if state is not None and state.exists else None
    return [_prepared(factory, manifest, entry, bundle, told=told, running=running) for bundle in entry.bundles]


def upload(factory: Callable[[str], AwsCli], entry: StackEntry, ready: list[ReadyBundle], report: Reporter) -> None:
    """Upload what is not there yet."""
    for bundle in ready:
        if bundle.is_there:
            continue
        with tempfile.TemporaryDirectory(prefix="blueprints-") as folder:  # made with mode 0700
            path = Path(folder, "bundle.zip")
            path.write_bytes(bundle.content)
            named = ("--bucket", bundle.bucket, "--key", bundle.key, "--body", str(path))
            described = ("--content-type", "application/zip", "--metadata", f"{_DIGEST}={bundle.digest}")
            factory(bundle.region).run("s3api", "put-object", *named, *described)
        report.bundle_uploaded(entry, bundle.address)


def _prepared(  # noqa: PLR0913 - of a bundle, all that decides what it holds and where
    factory: Callable[[str], AwsCli],
    manifest: Manifest,
    entry: StackEntry,
    bundle: Bundle,
    *,
    told: Mapping[str, str],
    running: Mapping[str, str] | None,
) -> ReadyBundle:
    outputs = read_outputs(factory, manifest, [bundle.bucket, *bundle.values.values()])
    fixed = {name: outputs[each] for name, each in bundle.values.items()}
    owner = manifest.stack(bundle.bucket.stack)
    bucket, key = outputs[bundle.bucket], _key(bundle, {**told, **fixed})
    content = _zipped(_texts(manifest, bundle, {**told, **fixed}))
    there = _digest(factory(owner.region), bucket, key)
    ready = ReadyBundle(bucket, key, owner.region, content, is_there=there == hashlib.sha256(content).hexdigest())
    is_used = running is not None and _runs(bundle, {**running, **fixed}, key)
    # Other environments may run what lies in a bucket that they share.
    if there is not None and not ready.is_there and (is_used or owner.shared):
        what = f"is what stack {entry.stack_name} runs" if is_used else "may be what another environment runs"
        raise DeployError(_conflict(bundle, f"{ready.address} {what}"))
    return ready


def _runs(bundle: Bundle, values: Mapping[str, str], key: str) -> bool:
    """Return whether a stack with these values was made from the bundle of this key."""
    return marks(bundle.key) <= values.keys() and _key(bundle, values) == key


def _key(bundle: Bundle, values: Mapping[str, str]) -> str:
    return fill(bundle.key, values, where=f"the key of the bundle {bundle.folder}")


def _told(entry: StackEntry, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters whose values can be told; CloudFormation answers **** for the others."""
    hidden = {each.name for each in entry.parameters if each.no_echo}
    return {name: value for name, value in parameters.items() if name not in hidden}


def _texts(manifest: Manifest, bundle: Bundle, values: Mapping[str, str]) -> dict[str, str]:
    """Return the files with their marks filled, by their path in the bundle."""
    root = PurePosixPath("..", bundle.folder)
    paths = [PurePosixPath(file.path) for file in manifest.files]
    inside = {path.relative_to(root): path for path in paths if path.is_relative_to(root)}
    if not inside:
        raise DeployError(
            f"{manifest.architecture}/{manifest.environment} has no files below {bundle.folder}/, which is a bundle: "
            "run `blueprints render` again"
        )
    return {str(name): _text(manifest.folder / path, values) for name, path in inside.items()}


def _text(path: Path, values: Mapping[str, str]) -> str:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise DeployError(
            f"{path} cannot be read ({error.strerror}): run `blueprints render` first, and keep the manifest beside "
            "its files"
        ) from None
    return (fill_yaml if path.suffix in _YAML else fill)(text, values, where=str(path))


def _zipped(texts: Mapping[str, str]) -> bytes:
    """Return the same bytes for the same texts: in order of their names, without compression, which differs by zlib."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(texts.items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = _UNIX
            info.external_attr = (0o100755 if text.startswith("#!") else 0o100644) << 16
            archive.writestr(info, text.encode())
    return content.getvalue()


def _digest(cli: AwsCli, bucket: str, key: str) -> str | None:
    """Return the digest that was noted with an object, empty where it has none; None where there is no object."""
    try:
        answer: dict[str, Any] = cli.run("s3api", "head-object", "--bucket", bucket, "--key", key)
    except NotFoundError:
        return None
    except AwsError as error:
        # HeadObject answers without a body, so the code is the HTTP status.
        if error.code == "404":
            return None
        if error.code == "403":
            raise DeployError(
                f"not allowed to look for s3://{bucket}/{key}: ask for s3:GetObject on it and s3:ListBucket on the "
                "bucket, without which S3 does not tell a missing object from a forbidden one"
            ) from None
        raise
    return str((answer.get("Metadata") or {}).get(_DIGEST, ""))


def _conflict(bundle: Bundle, what: str) -> str:
    names = ", ".join(sorted(marks(bundle.key))) or "none"
    return (
        f"{what}, and the settings now make another bundle of the same key. "
        "A machine that starts later would run another version than the ones before it, so it is not overwritten. "
        f"Give the new version a key of its own with another value ({names}): push the image under another tag, which "
        "can be the same image, and deploy that"
    )
