"""``python -m blueprints`` is the ``blueprints`` command."""

from blueprints.cli import main

main()
