"""Text files around the templates, written by Jinja2 from ``src/templates``.

GitHub's workflows use ``${{ }}`` and shell scripts ``{{``, so our marks are ``[[ ]]`` and ``[% %]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from blueprints import catalog
from blueprints.model.errors import RenderError
from blueprints.model.settings import SHARED, Settings
from blueprints.model.text_file import PAGE
from blueprints.render.manifest import Manifest, SecretEntry, StackEntry
from blueprints.render.writing import MANIFEST, replace, text_files

# The program that takes a step of a deployment where this library is not installed, if an architecture brings it.
DELIVERY = "delivery/deliver.py"

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


def write_page(architecture: str, environments: Sequence[Settings], output: Path) -> Path:
    """Write the page of an architecture, and the text files that these environments ask for, in one step.

    The page says what was rendered for which environment, how to deploy it, every setting and every file.

    Raises:
        RenderError: the page or a file cannot be rendered or written.
        ManifestError: nothing was rendered yet, or by another version.
        SettingsError: a file would differ between the environments, which share it.
    """
    folder = output / architecture
    jinja = environment()
    asked = text_files(architecture, environments)
    texts = {
        folder / path: _text(jinja, file.template, {"path": path, **file.values}, path) for path, file in asked.items()
    }
    page = folder / PAGE
    texts[page] = _text(jinja, "architecture.md.jinja", _page(architecture, folder), PAGE)
    replace(texts, programs={folder / path for path, file in asked.items() if file.executable})
    return page


def _text(jinja: jinja2.Environment, template: str, values: Mapping[str, Any], path: str) -> str:
    try:
        return jinja.get_template(template).render(values)
    except jinja2.TemplateNotFound as error:
        raise RenderError(f"{path}: there is no {error.name} below {root()}; name a template that is there") from error
    except jinja2.TemplateError as error:
        raise RenderError(f"{path}: {template} cannot be rendered: {error.message}") from error


def _page(architecture: str, folder: Path) -> dict[str, Any]:
    """What the page is made from; ``pages/<architecture>.md.jinja`` reads the same names."""
    manifests = [Manifest.load(path) for path in sorted(folder.glob(f"*/{MANIFEST}"))]
    files = {file.path.removeprefix("../"): file.about for manifest in manifests for file in manifest.files}
    return {
        "architecture": architecture,
        "blueprint": catalog.load(architecture),
        "description": catalog.description(architecture),
        "environments": [_environment(manifest) for manifest in manifests],
        "files": sorted(files.items()),
        "settings": _settings(architecture),
    }


def _environment(manifest: Manifest) -> dict[str, Any]:
    """What the page says of an environment: its stacks, what they ask for, and the commands that deploy them."""
    asked = [one.name for stack in manifest.stacks for one in stack.parameters if one.required]
    return {
        "name": manifest.environment,
        "stacks": manifest.stacks,
        "asked": " ".join(f"{name}=..." for name in dict.fromkeys(asked)),
        "by_hand": [_by_hand(stack, manifest) for stack in manifest.stacks],
        "secrets": [secret.name for stack in manifest.stacks for secret in stack.secrets],
        "secrets_by_hand": [_put(stack, secret) for stack in manifest.stacks for secret in stack.secrets],
    }


def _by_hand(stack: StackEntry, manifest: Manifest) -> str:
    asked = " ".join(f"{one.name}=..." for one in stack.parameters if one.required)
    lines = [
        f"aws cloudformation deploy --region {stack.region} --stack-name {stack.stack_name}",
        f"--template-file {_file(stack, manifest)}",
        *([f"--capabilities {' '.join(stack.capabilities)}"] if stack.capabilities else []),
        *([f"--parameter-overrides {asked}"] if asked else []),
    ]
    return "\n".join([*_before(stack, manifest), " \\\n    ".join(lines), *_after(stack, manifest)])


def _before(stack: StackEntry, manifest: Manifest) -> list[str]:
    """What has to be there before the stack is, in a shell."""
    images = [f"# first push the image {image.repository}:{image.parameter}" for image in stack.images]
    secrets = ["# first put the values of its secrets, see below"] if stack.secrets else []
    upload = _step("first upload its source bundle", f"upload <ImageTag> --stack {stack.name}", manifest)
    return [*images, *secrets, *(upload if stack.bundles else [])]


def _after(stack: StackEntry, manifest: Manifest) -> list[str]:
    """What follows the stack before the next one, in a shell."""
    run = _step("then run its task, and go on only if it succeeds", f"run --stack {stack.name}", manifest)
    check = _step("then see whether its environment runs it", f"check --stack {stack.name}", manifest)
    command = f"blueprints apply {manifest.architecture} {manifest.environment} --image-tag <ImageTag>"
    apply = ["# once all stacks are there, apply the manifests", command]
    return [*(run if stack.tasks else []), *(check if stack.checks else []), *(apply if stack.workloads else [])]


def _step(words: str, step: str, manifest: Manifest) -> list[str]:
    """A step of a deployment by the program beside the templates; where there is none, `blueprints deploy` does it."""
    if not any(file.path == f"../{DELIVERY}" for file in manifest.files):
        return [f"# {words}, as blueprints deploy does"]
    name, _, options = step.partition(" ")
    return [f"# {words}", f"python3 {DELIVERY} {name} {manifest.environment}/{MANIFEST} {options}"]


def _file(stack: StackEntry, manifest: Manifest) -> str:
    return f"{SHARED if stack.shared else manifest.environment}/{stack.name}.yaml"


READ = "read -rs VALUE"


def _put(stack: StackEntry, secret: SecretEntry) -> str:
    """The commands that put a value which no template ever holds: typed unseen, then through a pipe."""
    if secret.kind == "ssm":
        parameter = f"--name {secret.parameter_name} --type SecureString --value file:///dev/stdin"
        return f'{READ} && printf %s "$VALUE" | aws ssm put-parameter --region {stack.region} {parameter}'
    form = "%s" if secret.json_key is None else f'{{"{secret.json_key}": "%s"}}'
    # The ARN of the secret is an output of the stack that makes the place for the value.
    return (
        f"{READ} && printf '{form}' \"$VALUE\" | aws secretsmanager put-secret-value --region {stack.region} "
        f"--secret-string file:///dev/stdin --secret-id <output {secret.output} of the stack {secret.stack}>"
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
