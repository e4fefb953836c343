from __future__ import annotations

import re

import pytest
from troposphere import Ref, Sub

from blueprints.components.beanstalk import BeanstalkApplication, BeanstalkVersion, platform_arn

pytestmark = pytest.mark.row("WB-03")


def test_a_version_is_named_by_the_image_that_it_runs(stack_of, properties_of):
    application = BeanstalkApplication("Api", description="An API")
    version = BeanstalkVersion("Api", application=application, bucket=Ref("Bucket"), key=Sub("${ImageTag}.zip"))
    properties = properties_of(stack_of(application, version), "ApiVersion")
    assert properties["ApplicationName"] == {"Ref": "ApiApplication"}
    assert properties["SourceBundle"] == {"S3Bucket": {"Ref": "Bucket"}, "S3Key": {"Fn::Sub": "${ImageTag}.zip"}}


@pytest.mark.parametrize(
    ("arn", "taken"),
    [
        ("arn:aws:elasticbeanstalk:us-east-1::platform/Docker running on 64bit Amazon Linux 2023/4.11.0", True),
        ("arn:aws:elasticbeanstalk:us-east-1::platform/Docker running on 64bit Amazon Linux 2023", False),
        ("arn:aws:elasticbeanstalk:us-east-1::platform/Docker running on 64bit Amazon Linux 2/3.8.0", False),
        ("64bit Amazon Linux 2023 v4.11.0 running Docker", False),
    ],
)
def test_a_platform_that_is_named_is_docker_on_amazon_linux_2023_with_its_version(arn, taken):
    parameter = platform_arn().to_dict()
    assert "Default" not in parameter
    assert bool(re.fullmatch(parameter["AllowedPattern"], arn)) is taken
