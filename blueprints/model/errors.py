"""What can go wrong, in the words of the person who has to mend it.

::

    BlueprintsError
    ├── SettingsError      a setting has a value that is not allowed
    ├── TemplateError      a stack is put together wrongly (a clash, a limit, an unknown logical id)
    ├── TooBroadError      an IAM statement would allow more than it names
    ├── RenderError        a file cannot be written
    ├── ManifestError      a manifest is missing or not ours
    ├── LintError          there is nothing to lint, or it cannot be read
    └── DeployError        a stack cannot be deployed or deleted

Every message names the value, what is allowed and the way out; only the command line catches them.
"""


class BlueprintsError(Exception):
    """The root of all errors that are meant for a person to read."""

    exit_code = 1


class SettingsError(BlueprintsError):
    """A setting has a value that is not allowed."""

    exit_code = 2


class TemplateError(BlueprintsError):
    """A stack is put together in a way that CloudFormation would refuse."""


class TooBroadError(BlueprintsError):
    """An IAM statement would allow more than it names."""


class RenderError(BlueprintsError):
    """A file cannot be written or read while rendering."""


class ManifestError(BlueprintsError):
    """A manifest is missing, unreadable or of another version."""


class LintError(BlueprintsError):
    """There is nothing to lint, or it cannot be read."""


class DeployError(BlueprintsError):
    """A stack cannot be deployed, watched or deleted."""
