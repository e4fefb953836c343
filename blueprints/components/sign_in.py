"""Who may use a service: a user pool of people, and of programs that show a token."""

from __future__ import annotations

from typing import Any

from troposphere import Select, Split, StackId, Sub, cognito

from blueprints.components.gate import Gate
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

RESERVED = ("amazon", "aws", "cognito")
# A prefix has 63 characters at most (Cognito API reference, CreateUserPoolDomain); a stack's own id takes 37 of them.
LONGEST_NAME = 63 - 37

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
    def scope(self) -> str:
        """What a program's token has to allow."""
        return scope_of(self._name)

    @property
    def discovery_url(self) -> Sub:
        """The document that names the pool's endpoints, the one for tokens among them."""
        return self._url("/.well-known/openid-configuration")

    @property
    def gate(self) -> Gate:
        """This pool as load balancers refer to it."""
        return Gate(
            name=self._name,
            user_pool_arn=self.user_pool.get_att("Arn"),
            client_id=self.client.ref(),
            domain=self.domain.ref(),
            issuer=self._url(""),
            jwks_endpoint=self._url("/.well-known/jwks.json"),
            scope=self.scope,
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


def scope_of(name: str) -> str:
    """The scope that a program's token has to have for the pool called *name*."""
    return f"{name.lower()}/{SCOPE}"


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
