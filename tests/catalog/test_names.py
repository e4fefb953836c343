from __future__ import annotations

import subprocess
import sys

import pytest

from blueprints import catalog
from blueprints.model.errors import BlueprintsError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack

EACH = pytest.mark.parametrize("name", catalog.names())


def test_the_architectures_are_known_by_name_in_order():
    assert {"cooking-assistant", "facerec"} <= set(catalog.names())
    assert catalog.names() == sorted(catalog.names())


def test_what_architectures_have_in_common_is_none_of_them():
    assert not [name for name in catalog.names() if name.startswith(("_", "-")) or "settings" in name]


def test_listing_imports_no_architecture(root):
    code = "import sys; from blueprints import catalog; catalog.names(); print('troposphere' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.row("XX-10")
@EACH
def test_an_architecture_has_settings_and_builds_stacks_from_them(name):
    blueprint = catalog.load(name)
    stacks = blueprint.build(blueprint.Settings())
    assert issubclass(blueprint.Settings, Settings)
    assert stacks
    assert all(isinstance(stack, Stack) for stack in stacks)
    assert len({stack.stack_name for stack in stacks}) == len({stack.name for stack in stacks}) == len(stacks)


@EACH
def test_stacks_come_after_those_that_they_read(name):
    blueprint = catalog.load(name)
    before: set[str] = set()
    for stack in blueprint.build(blueprint.Settings(environment="prod")):
        read = {
            parameter.Default
            for title, parameter in stack.parameters.items()
            if title.endswith("StackName") and "Default" in parameter.properties
        }
        assert read <= before
        before.add(stack.stack_name)


@EACH
def test_every_setting_of_an_architecture_says_what_it_means(name):
    silent = [key for key, field in catalog.load(name).Settings.model_fields.items() if not field.description]
    assert silent == []


@EACH
def test_an_architecture_is_described_by_the_first_line_of_its_docstring(name):
    words = catalog.description(name)
    assert words == (catalog.load(name).__doc__ or "").partition("\n")[0]
    assert len(words.split()) > 3


def test_an_unknown_architecture_is_refused_with_the_one_that_was_meant():
    with pytest.raises(
        BlueprintsError, match=r"'facerecc' is no architecture; did you mean facerec\. There are: .*cooking-"
    ):
        catalog.load("facerecc")


@pytest.mark.parametrize("name", ["xyzzy", "", "settings-file", "_web_service", "os.path", "../facerec"])
def test_what_is_no_architecture_is_refused_with_those_there_are(name):
    with pytest.raises(BlueprintsError, match=r"is no architecture.* There are: .*facerec"):
        catalog.load(name)
