from __future__ import annotations

import pytest

from blueprints.components.cluster import Cluster

pytestmark = [pytest.mark.row("CA-01"), pytest.mark.row("FR-02")]


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in Cluster("Api").resources()] == ["ApiCluster", "ApiCapacityProviders"]


def test_no_linter_finds_anything(stack_of, findings):
    assert findings(stack_of(Cluster("Api"))) == []


def test_services_can_choose_spot_and_get_fargate_otherwise(stack_of, properties_of):
    made = properties_of(stack_of(Cluster("Api")), "ApiCapacityProviders")
    assert made["CapacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert made["DefaultCapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE", "Weight": 1}]
    assert made["Cluster"] == {"Ref": "ApiCluster"}


@pytest.mark.row("CA-05")
def test_container_insights_are_on(stack_of, properties_of):
    made = properties_of(stack_of(Cluster("Api")), "ApiCluster")
    assert made["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]


@pytest.mark.row("XX-06")
def test_it_has_a_name_of_its_own_only_where_it_is_given_one(stack_of, properties_of):
    assert "ClusterName" not in properties_of(stack_of(Cluster("Api")), "ApiCluster")
    named = Cluster("Api", physical_name="facerec-api-cluster-dev")
    assert properties_of(stack_of(named), "ApiCluster")["ClusterName"] == "facerec-api-cluster-dev"
