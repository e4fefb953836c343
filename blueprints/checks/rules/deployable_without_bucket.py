from pathlib import Path

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

LIMIT = 51_200


class DeployableWithoutBucket(CloudFormationLintRule):
    id = "W9010"
    shortdesc = "A template is small enough to be deployed without a bucket"
    description = (
        "CloudFormation takes up to 51,200 bytes of template in the request itself; a larger one, up to 1 MB, has to "
        "lie in an S3 bucket first."
    )
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        path = Path(cfn.filename) if cfn.filename else None
        size = path.stat().st_size if path and path.is_file() else 0
        if size <= LIMIT:
            return []
        return [
            RuleMatch(
                ["Resources"],
                f"The template has {size:,} bytes, and more than {LIMIT:,} can be deployed only through a bucket: "
                f"split the stack, or deploy it with --s3-bucket",
            )
        ]
