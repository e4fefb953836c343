"""Text files around the templates, written by Jinja2 from ``src/templates``.

GitHub's workflows use ``${{ }}`` and shell scripts ``{{``, so our marks are ``[[ ]]`` and ``[% %]``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from blueprints import catalog
from blueprints.model.errors import RenderError
from blueprints.model.settings import SHARED
from blueprints.render.manifest import Manifest, SecretEntry, StackEntry
from blueprints.render.writing import MANIFEST, replace

# In a wheel the templates lie inside the package, in a checkout beside it.
PLACES = (Path(__file__).parents[1] / "files", Path(__file__).parents[2] / "src" / "templates")


def root() -> Path:
    """The folder of the Jinja2 sources.

    Raises:
        RenderError: it is not there, so the installation is not whole.
    """
    for place in PLACES:
        if place.is_dir():
            return place
    raise RenderError(
        f"there are no templates of text files in {' or '.join(map(str, PLACES))}: install the package again"
    )


def environment() -> jinja2.Environment:
    """Jinja2 with marks of our own; an undefined name is an error, never an empty string."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(root()),
        undefined=jinja2.StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown and YAML, not HTML
    )


def write_page(architecture: str, output: Path) -> Path:
    """Write the page of an architecture: what was rendered for which environment, how to deploy it, every setting.

    Raises:
        RenderError: the page cannot be written.
        ManifestError: nothing was rendered yet, or by another version.
    """
    folder = output / architecture
    manifests = [Manifest.load(path) for path in sorted(folder.glob(f"*/{MANIFEST}"))]
    text = (
        environment()
        .get_template("architecture.md.jinja")
        .render(
            architecture=architecture,
            description=catalog.description(architecture),
            environments=[_environment(manifest) for manifest in manifests],
            settings=_settings(architecture),
        )
    )
    page = folder / "README.md"
    replace({page: text})
    return page


def _environment(manifest: Manifest) -> dict[str, Any]:
    """What the page says of an environment: its stacks, what they ask for, and the commands that deploy them."""
    asked = [one.name for stack in manifest.stacks for one in stack.parameters if one.required]
    return {
        "name": manifest.environment,
        "stacks": manifest.stacks,
        "asked": " ".join(f"{name}=..." for name in dict.fromkeys(asked)),
        "by_hand": [_by_hand(stack, manifest) for stack in manifest.stacks],
        "secrets": [_put(stack, secret) for stack in manifest.stacks for secret in stack.secrets],
    }


def _by_hand(stack: StackEntry, manifest: Manifest) -> str:
    asked = " ".join(f"{one.name}=..." for one in stack.parameters if one.required)
    lines = [
        f"aws cloudformation deploy --region {stack.region} --stack-name {stack.stack_name}",
        f"--template-file {_file(stack, manifest)}",
        *([f"--capabilities {' '.join(stack.capabilities)}"] if stack.capabilities else []),
        *([f"--parameter-overrides {asked}"] if asked else []),
    ]
    return " \\\n    ".join(lines)


def _file(stack: StackEntry, manifest: Manifest) -> str:
    return f"{SHARED if stack.shared else manifest.environment}/{stack.name}.yaml"


def _put(stack: StackEntry, secret: SecretEntry) -> str:
    """The command that puts a value which no template ever holds."""
    if secret.kind == "ssm":
        parameter = f"--name {secret.parameter_name} --type SecureString --value ..."
        return f"aws ssm put-parameter --region {stack.region} {parameter}"
    # The ARN of the secret is an output of the stack that makes the place for the value.
    return (
        f"aws secretsmanager put-secret-value --region {stack.region} --secret-string ... "
        f"--secret-id <output {secret.output} of the stack {secret.stack}>"
    )


def _settings(architecture: str) -> list[dict[str, str]]:
    kind = catalog.load(architecture).Settings
    dev, prod = (kind(environment=name).model_dump(mode="json") for name in ("dev", "prod"))
    schema = kind.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "dev": _written(dev[name]),
            "prod": _written(prod[name]),
            "allowed": ", ".join(f"`{value}`" for value in schema[name].get("enum", [])),
            "meaning": schema[name].get("description", "").replace("\n", " "),
        }
        for name in kind.model_fields
    ]


def _written(value: Any) -> str:
    """A default as it would stand in a settings file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
