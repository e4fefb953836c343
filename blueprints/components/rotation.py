"""Rotation of secrets by a function that is there: it asks whoever issued a key for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import AccountId, awslambda, secretsmanager

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

MOST_DAYS = 1000  # RotationRulesType, AWS Secrets Manager API Reference


class Rotation(Component):
    """Calls a Lambda function of the account's own, which changes the values of these secrets.

    AWS rotates passwords of databases by itself; a key of another company's API has to be asked of that company. Tasks
    read a secret when they start: they have the new value after the next deployment.

    Args:
        name: first part of the permission's logical id.
        secrets: what is rotated.
        function_arn: the function, as a stack's parameter names it; it has to know Secrets Manager's four steps. When
            a schedule is made, the step testSecret is called once to test it, and whoever deploys needs
            lambda:InvokeFunction for that (RotateSecret).
        days: days from one rotation to the next, 1 to 1,000.

    Raises:
        SettingsError: Secrets Manager does not take the number of days.

    """

    def __init__(
        self, name: str, *, secrets: Sequence[secretsmanager.Secret], function_arn: Any, days: int = 90
    ) -> None:
        if not 1 <= days <= MOST_DAYS:
            raise SettingsError(f"{name}: days is {days}; Secrets Manager takes 1 to {MOST_DAYS}")
        self.permission = because(
            "Lets Secrets Manager call the function, for secrets of this account.",
            awslambda.Permission(
                f"{name}RotationPermission",
                Action="lambda:InvokeFunction",
                FunctionName=function_arn,
                Principal="secretsmanager.amazonaws.com",
                # No SourceArn: it would bind the function to one secret (AWS Secrets Manager User Guide, "Permissions
                # for rotation").
                SourceAccount=AccountId,
            ),
        )
        self.schedules = [
            because(
                f"Calls the function every {days} days.",
                secretsmanager.RotationSchedule(
                    f"{secret.title}RotationSchedule",
                    SecretId=secret.ref(),
                    RotationLambdaARN=function_arn,
                    RotateImmediatelyOnUpdate=False,
                    RotationRules=secretsmanager.RotationRules(AutomaticallyAfterDays=days),
                    # Secrets Manager calls the function when the schedule is made.
                    DependsOn=[self.permission.title],
                ),
                must=["The secret has a value before its first rotation"],
                mutable="review-required",
            )
            for secret in secrets
        ]
