"""Who may use a service: people through a sign-in page, programs with a token, both checked by the load balancer.

The load balancer itself calls the user pool's endpoints, so its security group has to let it out to HTTPS; and both
checks are done by HTTPS listeners only.
"""

from __future__ import annotations

from typing import Any

from troposphere import Select, Split, StackId, Sub, cognito
from troposphere import elasticloadbalancingv2 as elb

from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

RESERVED = ("amazon", "aws", "cognito")
# A prefix has 63 characters at most (Cognito API reference, CreateUserPoolDomain); a stack's own id takes 37 of them.
LONGEST_NAME = 63 - 37

# A working day. Without it a session lasts a week, however soon somebody is removed from the pool.
SESSION_SECONDS = 8 * 60 * 60

SCOPE = "call"


class SignIn(Component):
    """A Cognito user pool in front of a service; only administrators add people to it.

    Args:
        name: first part of the logical ids, and of the sign-in page's host name.
        domain: the service's public name; the load balancer takes people back there.
        keep: refuse to delete the pool, and everybody's account with it.
        machine_clients: let programs in that show a token of their own.

    """

    def __init__(self, name: str, *, domain: Any, keep: bool, machine_clients: bool = False) -> None:
        _check(name)
        self._name = name
        self.user_pool = _user_pool(name, keep=keep)
        self.domain = because(
            "The sign-in page and the endpoints that hand out tokens.",
            cognito.UserPoolDomain(
                f"{name}UserPoolDomain",
                UserPoolId=self.user_pool.ref(),
                # Prefixes are unique in a Region across all accounts, in lower case and without AWS's names; a stack's
                # name promises none of it, the last part of its id all.
                Domain=Sub(f"{name.lower()}-${{Id}}", Id=Select(2, Split("/", StackId))),
                ManagedLoginVersion=1,  # the newer pages answer nothing before a branding of theirs is made
            ),
            must=["Users' links and the load balancer know this name"],
            mutable="must-never-change",
        )
        self.client = self._client("Client", "code", "openid", "Lets the load balancer ask who somebody is.")
        # Elastic Load Balancing takes people back to this path, whatever they asked for.
        self.client.CallbackURLs = [Sub("https://${Domain}/oauth2/idpresponse", Domain=domain)]
        self.client.SupportedIdentityProviders = ["COGNITO"]
        self.resource_server = self._resource_server() if machine_clients else None
        self.machine_client = self._machine_client() if machine_clients else None

    @property
    def issuer(self) -> Sub:
        """What a token of this pool names as its issuer."""
        return self._url("")

    @property
    def discovery_url(self) -> Sub:
        """The document that names the pool's endpoints, the one for tokens among them."""
        return self._url("/.well-known/openid-configuration")

    @property
    def scope(self) -> str:
        """What a program's token has to allow."""
        return f"{self._name.lower()}/{SCOPE}"

    def authenticate_people(self, order: int = 1) -> elb.Action:
        """A listener's action that sends whoever is not signed in to the sign-in page."""
        # A listener takes the seconds as a string, a rule as a number (their CloudFormation schemas).
        config = self._people(str(SESSION_SECONDS))
        return elb.Action(Type="authenticate-cognito", Order=order, AuthenticateCognitoConfig=config)

    def authenticate_people_rule(self, order: int = 1) -> elb.ListenerRuleAction:
        """The same as a listener rule's action."""
        return elb.ListenerRuleAction(
            Type="authenticate-cognito", Order=order, AuthenticateCognitoConfig=self._people(SESSION_SECONDS)
        )

    def verify_machines(self, order: int = 1) -> elb.Action:
        """A listener's action that refuses whoever shows no token of this pool with the scope."""
        action = elb.Action(Type="jwt-validation", Order=order, JwtValidationConfig=self._machines())
        action.no_validation()  # troposphere 4.11 knows the property but not the type that goes with it
        return action

    def verify_machines_rule(self, order: int = 1) -> elb.ListenerRuleAction:
        """The same as a listener rule's action."""
        return elb.ListenerRuleAction(Type="jwt-validation", Order=order, JwtValidationConfig=self._machines())

    def let_machines_in(
        self, *, listener: elb.Listener, forward: elb.ListenerRuleAction, priority: int = 1
    ) -> elb.ListenerRule:
        """A rule beside the sign-in page: requests that bring a token are judged by it and sent on."""
        return because(
            "Programs show a token instead of signing in; all other requests go on to the listener's next rule.",
            elb.ListenerRule(
                f"{self._name}MachinesRule",
                ListenerArn=listener.ref(),
                Priority=priority,
                Conditions=[
                    elb.Condition(
                        Field="http-header",
                        HttpHeaderConfig=elb.HttpHeaderConfig(HttpHeaderName="Authorization", Values=["Bearer *"]),
                    )
                ],
                Actions=[self.verify_machines_rule(), forward],
            ),
            must=["The token is verified before the request is forwarded"],
            mutable="review-required",
        )

    def _people(self, session_seconds: int | str) -> elb.AuthenticateCognitoConfig:
        return elb.AuthenticateCognitoConfig(
            UserPoolArn=self.user_pool.get_att("Arn"),
            UserPoolClientId=self.client.ref(),
            UserPoolDomain=self.domain.ref(),
            OnUnauthenticatedRequest="authenticate",
            Scope="openid",
            SessionTimeout=session_seconds,
        )

    def _machines(self) -> elb.JwtValidationConfig:
        """Signature, issuer and times are always checked; the scope tells a program's token from a person's."""
        return elb.JwtValidationConfig(
            Issuer=self.issuer,
            JwksEndpoint=self._url("/.well-known/jwks.json"),
            AdditionalClaims=[
                elb.JwtValidationActionAdditionalClaim(
                    Name="scope", Format="space-separated-values", Values=[self.scope]
                )
            ],
        )

    def _url(self, path: str) -> Sub:
        return Sub(f"https://cognito-idp.${{AWS::Region}}.${{AWS::URLSuffix}}/${{{self.user_pool.title}}}{path}")

    def _resource_server(self) -> cognito.UserPoolResourceServer:
        return because(
            "Names what a program may ask for.",
            cognito.UserPoolResourceServer(
                f"{self._name}ResourceServer",
                UserPoolId=self.user_pool.ref(),
                Identifier=self._name.lower(),
                Name=self._name,
                Scopes=[cognito.ResourceServerScopeType(ScopeName=SCOPE, ScopeDescription="Call the service")],
            ),
        )

    def _machine_client(self) -> cognito.UserPoolClient:
        client = self._client(
            "MachineClient",
            "client_credentials",
            self.scope,
            "Gives a program a token for its id and secret. A program of its own gets a client of its own.",
        )
        # A client cannot be given a scope before there is one.
        client.DependsOn = [f"{self._name}ResourceServer"]
        return client

    def _client(self, kind: str, flow: str, scope: str, why: str) -> cognito.UserPoolClient:
        return because(
            why,
            cognito.UserPoolClient(
                f"{self._name}{kind}",
                UserPoolId=self.user_pool.ref(),
                GenerateSecret=True,
                AllowedOAuthFlowsUserPoolClient=True,
                AllowedOAuthFlows=[flow],
                AllowedOAuthScopes=[scope],
                # Nothing but the flow above: the default would allow passwords through the API as well.
                ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
                PreventUserExistenceErrors="ENABLED",
                EnableTokenRevocation=True,
                AccessTokenValidity=1,
                IdTokenValidity=1,
                RefreshTokenValidity=1,
                TokenValidityUnits=cognito.TokenValidityUnits(
                    AccessToken="hours", IdToken="hours", RefreshToken="days"
                ),
            ),
            mutable="review-required",
        )


def _user_pool(name: str, *, keep: bool) -> cognito.UserPool:
    return because(
        "Knows who may come in, with a strong password and a second factor for whoever sets one up.",
        cognito.UserPool(
            f"{name}UserPool",
            UserPoolTier="ESSENTIALS",
            UsernameAttributes=["email"],
            UsernameConfiguration=cognito.UsernameConfiguration(CaseSensitive=False),
            AutoVerifiedAttributes=["email"],
            AdminCreateUserConfig=cognito.AdminCreateUserConfig(AllowAdminCreateUserOnly=True),
            Policies=cognito.Policies(
                PasswordPolicy=cognito.PasswordPolicy(
                    MinimumLength=12,
                    RequireLowercase=True,
                    RequireUppercase=True,
                    RequireNumbers=True,
                    RequireSymbols=True,
                    TemporaryPasswordValidityDays=3,
                )
            ),
            MfaConfiguration="OPTIONAL",
            EnabledMfas=["SOFTWARE_TOKEN_MFA"],
            AccountRecoverySetting=cognito.AccountRecoverySetting(
                RecoveryMechanisms=[cognito.RecoveryOption(Name="verified_email", Priority=1)]
            ),
            DeletionProtection="ACTIVE" if keep else "INACTIVE",
        ),
        must=[
            "Only administrators add people",
            "User names stay e-mail addresses: another kind is another, empty pool",
        ],
        mutable="change-with-constraints",
    )


def _check(name: str) -> None:
    taken = [word for word in RESERVED if word in name.lower()]
    if taken or len(name) > LONGEST_NAME:
        raise SettingsError(
            f"{name}: the sign-in page's host name starts with it and takes {LONGEST_NAME} characters, without "
            f"{', '.join(RESERVED)}; choose another name"
        )
