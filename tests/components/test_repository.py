from __future__ import annotations

import json

import pytest
from troposphere import Parameter

from blueprints.components.repository import Repository, image_uri

pytestmark = [pytest.mark.row("CA-03"), pytest.mark.row("FR-01")]


def repository(**options):
    return Repository("Api", repository="facerec-api", **options)


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in repository().resources()] == ["ApiRepository"]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, keep):
    assert findings(stack_of(repository(), keep_data=keep)) == []


def test_tags_cannot_be_moved_and_images_are_scanned(stack_of, properties_of):
    made = properties_of(stack_of(repository()), "ApiRepository")
    assert made["RepositoryName"] == "facerec-api"
    assert made["ImageTagMutability"] == "IMMUTABLE"
    assert made["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert made["EncryptionConfiguration"] == {"EncryptionType": "AES256"}


def test_untagged_and_old_images_go(stack_of, properties_of):
    made = properties_of(stack_of(repository(keep_images=5)), "ApiRepository")
    untagged, old = json.loads(made["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert untagged["selection"] == {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 14,
    }
    assert old["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5}
    # ECR evaluates "any" last: its rule has to have the highest number.
    assert untagged["rulePriority"] < old["rulePriority"]


@pytest.mark.row("XX-13")
def test_an_image_is_named_in_every_partition():
    uri = image_uri("facerec-api", Parameter("ImageTag", Type="String"))
    registry = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}"
    assert uri.to_dict() == {"Fn::Sub": f"{registry}/facerec-api:${{ImageTag}}"}
