"""Values that stacks of an environment publish, for what is done beside their templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blueprints.deploy.preflight import busy
from blueprints.deploy.secrets import deploy_command
from blueprints.deploy.stacks import describe
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from blueprints.deploy.aws import AwsCli
    from blueprints.model.steps import OutputOf
    from blueprints.render.manifest import Manifest


def read_outputs(
    factory: Callable[[str], AwsCli], manifest: Manifest, wanted: Iterable[OutputOf]
) -> dict[OutputOf, str]:
    """Return each value; a stack is asked once.

    Raises:
        DeployError: a stack is not deployed, is at work, or has no such output.
    """
    needed = dict.fromkeys(wanted)
    outputs = {name: _outputs(factory, manifest, name) for name in dict.fromkeys(each.stack for each in needed)}
    values = {each: outputs[each.stack].get(each.output, "") for each in needed}
    missing = [each for each, value in values.items() if not value]
    if missing:
        first = manifest.stack(missing[0].stack)
        names = ", ".join(each.output for each in missing if each.stack == first.name)
        raise DeployError(
            f"stack {first.stack_name} has no output {names}: it was deployed from other templates. "
            f"Deploy it again: {deploy_command(manifest, first)}"
        )
    return values


def _outputs(factory: Callable[[str], AwsCli], manifest: Manifest, name: str) -> Mapping[str, str]:
    entry = manifest.stack(name)
    cli = factory(entry.region)
    state = describe(cli, entry.stack_name)
    if state is None or not state.exists:
        raise DeployError(
            f"stack {entry.stack_name} is not deployed yet. Deploy first: "
            f"blueprints deploy {manifest.architecture} {manifest.environment}"
        )
    if state.status.endswith("_IN_PROGRESS"):
        raise DeployError(busy(cli, state))
    return state.outputs
