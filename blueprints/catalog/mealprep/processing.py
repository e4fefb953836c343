"""What happens to an image after it was uploaded."""

from __future__ import annotations

from blueprints.access.connections import reach_https
from blueprints.catalog._web_service import place
from blueprints.catalog.mealprep.settings import Settings
from blueprints.components.image_processing import ImageProcessing
from blueprints.model.stack import Stack


def processing_stack(settings: Settings, network: Stack | None, data: Stack) -> Stack:
    """A function in the private subnets that Rekognition tells what is in an image."""
    stack = Stack(
        "processing",
        settings,
        description=f"MealPrep {settings.environment}: image processing on upload",
        arch="Upload -> EventBridge -> Lambda in private subnets -> Rekognition -> answer beside the upload",
    )
    processing = stack.add(
        ImageProcessing(
            "Images",
            bucket_name=stack.from_stack(data, "StorageBucketName"),
            uploads_arn=stack.from_stack(data, "UploadsObjects"),
            results_arn=stack.from_stack(data, "ResultsObjects"),
            network=place(stack, settings, network, "tasks"),
            code=settings.processing_code,
            log_retention_days=settings.log_retention_days,
        )
    )
    processing.function.wait_for(stack.add(reach_https(processing.function)))
    stack.output("FunctionName", processing.function.function_name, "The function")
    stack.output("DeadLetterQueueName", processing.queue_dimension, "What could not be processed")
    return stack
