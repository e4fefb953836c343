"""Linting: cfn-lint, AWS's cloudformation-validate and rules of our own over rendered templates.

Nothing here imports an engine before a template has to be checked that was not checked before: see `lint`.
"""
