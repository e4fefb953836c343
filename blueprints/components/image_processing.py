"""What happens to an image after it is uploaded: a function has Rekognition look at it."""

from __future__ import annotations

from typing import Any, Literal

from awacs.aws import Statement
from troposphere import AccountId, Tags, awslambda, events, sqs

from blueprints.access import grants, queue_policies
from blueprints.components.function import Function, StoredCode
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.packaged import text_of
from blueprints.model.parameters import StackParameter

SOURCE = "functions/image_processing.py"

UPLOADS, RESULTS = "uploads/", "analysis/"

# Our choice: an hour outlasts most disturbances, and after it nobody waits for the answer any more. Lambda tries a
# failed event twice again and no more often (AWS Lambda Developer Guide, "Configuring error handling settings").
KEEP_TRYING_SECONDS = 3_600
RETRIES = 2

# The longest that SQS keeps a message, in seconds: 14 days.
KEEP_DEAD_SECONDS = 1_209_600


class ImageProcessing(Component):
    """A rule of EventBridge, the function that it calls, and a queue for what neither could get through.

    EventBridge hears of objects because the bucket sends its events there. The bucket names no function then, so the
    two can be in different stacks and the bucket is made without them. Lambda takes the event at once and calls the
    function later, so there are two ways to fail: EventBridge cannot hand the event over, or the function ends with an
    error each time. Both leave the event as it was in the one queue: a failure destination would wrap what Lambda
    leaves, and whoever sends the events again would have to unwrap some of them. On the first deployment a few seconds
    lie between the rule and its permission: an upload in them is not processed.

    Args:
        name: first part of the logical ids.
        bucket_name: the bucket with the images; events of EventBridge have to be turned on in it.
        uploads_arn: ARN of the objects that it reads, everything below ``uploads``: bucket, prefix and ``*``.
        results_arn: ARN of the objects that it writes, everything below ``results``.
        network: the VPC whose private subnets the function is in; it needs a way to S3 and to Rekognition.
        uploads: the prefix that images are uploaded to.
        results: the prefix that answers are written to, followed by the image's key and ``.json``.
        code: the library's function in the template, or a package of one's own in a bucket, with the handler
            ``image_processing.handler``; then CodeBucket and CodeKey are parameters.
        memory: MiB.
        timeout: seconds.
        log_retention_days: days that the function's logs stay.
        reserved_concurrency: how many of it may run at once, or None.
        function_name: its name, where a document names it.
        queue_name: the queue's name, where a document names it.

    Raises:
        SettingsError: the prefixes are none, or answers would call the function again.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        bucket_name: Any,
        uploads_arn: Any,
        results_arn: Any,
        network: Network | None,
        uploads: str = UPLOADS,
        results: str = RESULTS,
        code: Literal["inline", "bucket"] = "inline",
        memory: int = 256,
        timeout: int = 60,
        log_retention_days: int = 30,
        reserved_concurrency: int | None = None,
        function_name: str | None = None,
        queue_name: str | None = None,
    ) -> None:
        _check(name, uploads, results)
        self._name = name
        self.parameters = [] if code == "inline" else [_code_bucket(), _code_key()]
        self.queue = self._queue(queue_name)
        self.function = Function(
            name,
            why="Has Rekognition look at each uploaded image and writes down what it sees.",
            code=StoredCode(*(one.ref() for one in self.parameters)) if self.parameters else text_of(SOURCE),
            handler="image_processing.handler" if self.parameters else "index.handler",
            memory=memory,
            timeout=timeout,
            network=network,
            environment={"RESULTS_PREFIX": results},
            may=_permissions(uploads_arn, results_arn),
            dead_letter=self.queue,
            log_retention_days=log_retention_days,
            reserved_concurrency=reserved_concurrency,
            physical_name=function_name,
        )
        self.retries = self._retries()
        self.rule = self._rule(bucket_name, uploads)
        self.permission = self._permission()
        self.queue_policy = because(
            "Lets the rule leave what it could not hand over; the function sends by its role.",
            sqs.QueuePolicy(
                f"{name}QueuePolicy",
                Queues=[self.queue.ref()],
                PolicyDocument=queue_policies.rule_sends(self.queue, self.rule),
            ),
        )

    @property
    def queue_dimension(self) -> Any:
        """The queue's name, as metrics have it in their dimension QueueName."""
        return self.queue.get_att("QueueName")

    def _queue(self, physical_name: str | None) -> sqs.Queue:
        queue = sqs.Queue(
            f"{self._name}DeadLetterQueue",
            # Encrypted with SQS's own key: the key of KMS that AWS manages for SQS lets EventBridge not in.
            SqsManagedSseEnabled=True,
            MessageRetentionPeriod=KEEP_DEAD_SECONDS,
            # What is in it speaks of objects that are still in the bucket.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
            Tags=Tags(Name=physical_name or f"{self._name}DeadLetters"),
        )
        if physical_name is not None:
            queue.QueueName = physical_name
        return because(
            "Keeps events that failed for 14 days, as they came, so that they can be sent again.",
            queue,
            must=["An alarm watches it: nobody reads it otherwise"],
        )

    def _retries(self) -> awslambda.EventInvokeConfig:
        return because(
            "Tries a failed event again, and gives it up after an hour.",
            awslambda.EventInvokeConfig(
                f"{self._name}Retries",
                FunctionName=self.function.function_name,
                Qualifier="$LATEST",
                MaximumRetryAttempts=RETRIES,
                MaximumEventAgeInSeconds=KEEP_TRYING_SECONDS,
            ),
            mutable="free-to-tune",
        )

    def _permission(self) -> awslambda.Permission:
        return because(
            "Lets this rule, and nobody else, call the function.",
            awslambda.Permission(
                f"{self._name}Permission",
                Action="lambda:InvokeFunction",
                FunctionName=self.function.function_name,
                Principal="events.amazonaws.com",
                SourceArn=self.rule.get_att("Arn"),
                SourceAccount=AccountId,
            ),
        )

    def _rule(self, bucket_name: Any, uploads: str) -> events.Rule:
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {
                "bucket": {"name": [bucket_name]},
                # A folder that somebody makes in the console is an object without content.
                "object": {"key": [{"prefix": uploads}], "size": [{"numeric": [">", 0]}]},
            },
        }
        return because(
            f"Calls the function for every object below {uploads}.",
            events.Rule(
                f"{self._name}Rule",
                Description=f"New objects below {uploads} are processed",
                State="ENABLED",
                EventPattern=pattern,
                Targets=[
                    events.Target(
                        Id="Function",
                        Arn=self.function.arn,
                        RetryPolicy=events.RetryPolicy(
                            MaximumEventAgeInSeconds=KEEP_TRYING_SECONDS, MaximumRetryAttempts=185
                        ),
                        DeadLetterConfig=events.DeadLetterConfig(Arn=self.queue.get_att("Arn")),
                    )
                ],
            ),
            must=["The prefix of the answers is another one, or the function calls itself without end"],
        )


def _permissions(uploads_arn: Any, results_arn: Any) -> list[Statement]:
    """Rekognition reads the image with the rights of whoever asks it."""
    return [grants.read_objects(uploads_arn), grants.write_objects(results_arn), grants.detect_in_images()]


def _check(name: str, uploads: str, results: str) -> None:
    for prefix in (uploads, results):
        if not prefix.endswith("/") or prefix.startswith("/") or "*" in prefix:
            raise SettingsError(f"{name}: {prefix!r} is no prefix; it ends in a slash and starts without: uploads/")
    if results.startswith(uploads):
        raise SettingsError(
            f"{name}: answers below {results} are uploads below {uploads} too, so each would be processed again; "
            "choose a prefix beside it, such as analysis/"
        )


def _code_bucket() -> StackParameter:
    return StackParameter(
        "CodeBucket",
        group="Code",
        label="Bucket with the code",
        description="Name of the bucket in this Region with the function's package",
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        constraint="A bucket's name: lower case letters, digits, dots and dashes, 3 to 63",
    )


def _code_key() -> StackParameter:
    return StackParameter(
        "CodeKey",
        group="Code",
        label="Key of the code",
        description="Key of the package, a zip file with image_processing.py in it; new code has a new key",
        pattern=r"^[A-Za-z0-9!_.*'()/-]{1,1024}$",
        constraint="A key of S3: letters, digits, slashes and some marks, 1,024 at most",
    )
