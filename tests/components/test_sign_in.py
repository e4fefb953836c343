from __future__ import annotations

import json

import pytest
from troposphere import Parameter, Ref
from troposphere import elasticloadbalancingv2 as elb

from blueprints.components.sign_in import SignIn
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("CA-14")

DOMAIN = Ref("DomainName")
FORWARD = elb.ListenerRuleAction(Type="forward", Order=2, TargetGroupArn=Ref("TargetGroupArn"))


@pytest.fixture
def parameters():
    names = ("DomainName", "LoadBalancerArn", "TargetGroupArn", "CertificateArn")
    return [Parameter(name, Type="String", Description=name) for name in names]


@pytest.fixture
def sign_in():
    return SignIn("People", domain=DOMAIN, keep=False, machine_clients=True)


@pytest.fixture
def listener(sign_in):
    forward = elb.Action(Type="forward", Order=2, TargetGroupArn=Ref("TargetGroupArn"))
    listener = elb.Listener(
        "Listener",
        LoadBalancerArn=Ref("LoadBalancerArn"),
        Port=443,
        Protocol="HTTPS",
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[elb.Certificate(CertificateArn=Ref("CertificateArn"))],
        DefaultActions=[sign_in.gate.authenticate_people(), forward],
    )
    listener.Metadata = {"com.aws.cloudformation.Context": {"why": "A listener to sign in at."}}
    return listener


def plain(action):
    return json.loads(json.dumps(action.to_dict(), default=lambda value: value.to_dict()))


def test_logical_ids_are_a_promise(sign_in):
    people = ["PeopleUserPool", "PeopleUserPoolDomain", "PeopleClient"]
    assert [part.title for part in sign_in.resources()] == [*people, "PeopleResourceServer", "PeopleMachineClient"]
    assert [part.title for part in SignIn("People", domain=DOMAIN, keep=False).resources()] == people


def test_no_linter_finds_anything(stack_of, findings, parameters, sign_in, listener):
    rule = sign_in.gate.let_machines_in(listener=listener, forward=FORWARD)
    assert findings(stack_of(parameters, sign_in, listener, rule)) == []


def test_only_administrators_add_people(stack_of, properties_of, sign_in):
    pool = properties_of(stack_of(sign_in), "PeopleUserPool")
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12


@pytest.mark.parametrize(("keep", "protection"), [(True, "ACTIVE"), (False, "INACTIVE")])
def test_accounts_to_keep_cannot_be_deleted(stack_of, properties_of, keep, protection):
    stack = stack_of(SignIn("People", domain=DOMAIN, keep=keep))
    assert properties_of(stack, "PeopleUserPool")["DeletionProtection"] == protection


def test_people_come_back_to_the_load_balancer(stack_of, properties_of, sign_in):
    client = properties_of(stack_of(sign_in), "PeopleClient")
    assert client["CallbackURLs"] == [
        {"Fn::Sub": ["https://${Domain}/oauth2/idpresponse", {"Domain": {"Ref": "DomainName"}}]}
    ]
    assert (client["AllowedOAuthFlows"], client["AllowedOAuthScopes"]) == (["code"], ["openid"])
    assert client["GenerateSecret"] is True


def test_the_load_balancer_signs_people_in_before_it_forwards(sign_in):
    for action in (sign_in.gate.authenticate_people(), sign_in.gate.authenticate_people_rule()):
        data = plain(action)
        assert (data["Type"], data["Order"]) == ("authenticate-cognito", 1)
        config = data["AuthenticateCognitoConfig"]
        assert config["OnUnauthenticatedRequest"] == "authenticate"
        assert config["UserPoolClientId"] == {"Ref": "PeopleClient"}
        assert int(config["SessionTimeout"]) == 28800


@pytest.mark.row("XX-13")
def test_a_token_comes_from_this_pool_and_carries_the_scope(sign_in):
    for action in (sign_in.gate.verify_machines(), sign_in.gate.verify_machines_rule()):
        config = plain(action)["JwtValidationConfig"]
        issuer = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${PeopleUserPool}"
        assert config["Issuer"] == {"Fn::Sub": issuer}
        assert config["JwksEndpoint"] == {"Fn::Sub": f"{issuer}/.well-known/jwks.json"}
        assert config["AdditionalClaims"] == [
            {"Name": "scope", "Format": "space-separated-values", "Values": ["people/call"]}
        ]


def test_the_machine_client_can_ask_for_the_scope_only(stack_of):
    resources = to_dict(stack_of(SignIn("People", domain=DOMAIN, keep=False, machine_clients=True)))["Resources"]
    client = resources["PeopleMachineClient"]
    assert client["DependsOn"] == ["PeopleResourceServer"]
    assert client["Properties"]["AllowedOAuthFlows"] == ["client_credentials"]
    assert client["Properties"]["AllowedOAuthScopes"] == ["people/call"]
    assert resources["PeopleResourceServer"]["Properties"]["Identifier"] == "people"


def test_machines_are_judged_by_their_token_before_they_are_sent_on(sign_in, listener):
    rule = sign_in.gate.let_machines_in(listener=listener, forward=FORWARD, priority=7)
    assert rule.Priority == 7
    assert [action.Type for action in rule.Actions] == ["jwt-validation", "forward"]
    assert [action.Order for action in rule.Actions] == [1, 2]


def test_the_host_name_is_free_and_allowed_whatever_the_stack_is_called(stack_of, properties_of, sign_in):
    template, values = properties_of(stack_of(sign_in), "PeopleUserPoolDomain")["Domain"]["Fn::Sub"]
    assert template == "people-${Id}"
    assert values == {"Id": {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}}


@pytest.mark.parametrize("name", ["AwsPeople", "CognitoUsers", "P" * 27])
def test_a_name_that_cognito_refuses_is_refused_first(name):
    with pytest.raises(SettingsError, match="26 characters, without amazon, aws, cognito"):
        SignIn(name, domain=DOMAIN, keep=False)
