"""Who hears when the application, its database or the way between the two is not well."""

from __future__ import annotations

from typing import Any

from troposphere import AWSObject

from blueprints.access.connections import ANYWHERE
from blueprints.catalog._web_backend.application import DATABASE
from blueprints.catalog._web_backend.settings import ApplicationSettings
from blueprints.components.alert_topic import AlertTopic
from blueprints.components.health_check import PublicHealthCheck
from blueprints.components.instance_alarms import InstanceAlarms
from blueprints.components.postgres_instance import INSTANCE_MEMORY, is_burstable, max_connections
from blueprints.model.component import Component
from blueprints.model.stack import Stack

DATABASE_ADVICE = (
    "The application, asked from outside, does not reach its database. Look at the database's alarms first, then at "
    "the application's log"
)


class Monitoring:
    """The monitoring stack: a topic, the alarms that are the same in all runtimes, and room for a runtime's own."""

    def __init__(self, settings: ApplicationSettings, data: Stack) -> None:
        self._settings = settings
        self.stack = Stack(
            "monitoring",
            settings,
            description=f"Alarms of {settings.project} {settings.environment}",
            arch="CloudWatch alarms on the way in, the application and the database -> encrypted SNS topic -> people",
            must=["Somebody has to subscribe to the topic, and to confirm it"],
        )
        self.topic = self.stack.add(AlertTopic("Alerts", email=settings.alert_email))
        self.stack.output("AlertTopicArn", self.topic.arn, "Subscribe here to hear of alarms")
        self.stack.add(
            InstanceAlarms(
                DATABASE,
                instance=self.stack.from_stack(data, f"{DATABASE}Identifier"),
                topic=self.topic.arn,
                max_connections=max_connections(settings.database_class),
                memory_gib=INSTANCE_MEMORY[settings.database_class],
                storage_gib=settings.database_storage,
                burstable=is_burstable(settings.database_class),
            )
        )

    def watch(self, *things: AWSObject | Component) -> None:
        """Add alarms of the runtime's own."""
        self.stack.add(list(things))

    def ask_for_database(self, name: Any, *, https: bool) -> None:
        """Ask from outside for the path that needs the database; who keeps clients out keeps Route 53 out too."""
        if not self._settings.database_health_check or self._settings.clients != ANYWHERE:
            return
        path = self._settings.database_health_path
        check = self.stack.add(PublicHealthCheck(DATABASE, domain_name=name, path=path, https=https))
        self.stack.output("DatabaseHealthCheckId", check.id, "Route 53's view of the application and its database")
        alarm = check.alarm(self.topic.arn, region=self.stack.region, words=DATABASE_ADVICE)
        if alarm is not None:
            self.stack.add(alarm)
