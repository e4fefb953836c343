"""Stacks into an account, and out of it again: the only part that starts the AWS CLI."""
