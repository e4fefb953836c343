from __future__ import annotations

import pytest

from blueprints.components.cluster import ClusterName
from blueprints.components.service_connect import Namespace, ServiceConnect
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict
from tests.support.service import container, service

pytestmark = pytest.mark.row("RC-17")


@pytest.fixture
def connected(stack_of):
    """A service that has this part in a namespace of its stack."""

    def make(runs, **part):
        namespace = Namespace("Api")
        return service(stack_of(namespace), runs=runs, connect_by=ServiceConnect(namespace.arn, **part))

    return make


def test_a_namespace_is_called_as_its_stack_so_that_two_environments_can_share_an_account(stack_of):
    (namespace,) = to_dict(stack_of(Namespace("Api")))["Resources"].values()
    assert namespace["Type"] == "AWS::ServiceDiscovery::HttpNamespace"
    assert namespace["Properties"]["Name"] == {"Fn::Sub": "${AWS::StackName}"}


def test_others_call_it_by_its_name_on_the_port_of_its_container(connected):
    made = connected(container(port_name="backend"), known_as="backend", answer_seconds=90)
    configuration = made.properties("ApiService")["ServiceConnectConfiguration"]
    assert configuration["Services"] == [
        {
            "PortName": "backend",
            "DiscoveryName": "backend",
            "ClientAliases": [{"DnsName": "backend", "Port": 8000}],
            "Timeout": {"PerRequestTimeoutSeconds": 90},
        }
    ]
    (definition,) = made.properties("ApiTaskDefinition")["ContainerDefinitions"]
    (mapping,) = definition["PortMappings"]
    assert (mapping["Name"], mapping["AppProtocol"]) == ("backend", "http")


def test_who_only_calls_others_has_no_name(connected):
    configuration = connected(container()).properties("ApiService")["ServiceConnectConfiguration"]
    assert configuration["Enabled"] is True
    assert configuration["Namespace"] == {"Fn::GetAtt": ["ApiNamespace", "Arn"]}
    assert "Services" not in configuration


def test_the_proxy_writes_to_the_services_log_group(connected):
    log = connected(container()).properties("ApiService")["ServiceConnectConfiguration"]["LogConfiguration"]
    assert log["Options"]["awslogs-group"] == {"Ref": "ApiLogGroup"}
    assert log["Options"]["awslogs-stream-prefix"] == "service-connect"


def test_a_name_without_a_named_port_is_refused(connected):
    with pytest.raises(SettingsError, match="port_name: container api is called 'backend' by others"):
        connected(container(), known_as="backend")


def test_no_linter_finds_anything(connected, findings):
    made = connected(container(port_name="backend"), known_as="backend", answer_seconds=90)
    assert findings(made.stack) == []


@pytest.mark.row("RC-15")
def test_in_another_stacks_cluster_scaling_finds_it_by_the_end_of_its_arn(stack_of):
    made = service(stack_of(), tasks=None, elsewhere=ClusterName("chatbot"))
    assert made.fargate.scalable_id.to_dict() == {"Fn::Select": [5, {"Fn::Split": [":", {"Ref": "ApiService"}]}]}
    assert made.properties("ApiService")["Cluster"] == "chatbot"
