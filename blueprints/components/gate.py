"""What a load balancer asks before it forwards a request: who a person is, or what token a program shows.

The load balancer itself calls the user pool's endpoints, so its security group has to let it out to HTTPS; and both
checks are done by HTTPS listeners only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import elasticloadbalancingv2 as elb

from blueprints.model.context import because
from blueprints.model.stack import Stack

# A working day. Without it a session lasts a week, however soon somebody is removed from the pool.
SESSION_SECONDS = 8 * 60 * 60


@dataclass(frozen=True)
class Gate:
    """A user pool as load balancers refer to it: one of this stack or one of another."""

    name: str
    user_pool_arn: Any
    client_id: Any
    domain: Any
    issuer: Any
    jwks_endpoint: Any
    scope: str

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str, *, scope: str) -> Gate:
        """The user pool called *name* that another stack made, read from its outputs."""
        return cls(
            name=name,
            user_pool_arn=stack.from_stack(producer, f"{name}UserPoolArn"),
            client_id=stack.from_stack(producer, f"{name}ClientId"),
            domain=stack.from_stack(producer, f"{name}UserPoolDomain"),
            issuer=stack.from_stack(producer, f"{name}Issuer"),
            jwks_endpoint=stack.from_stack(producer, f"{name}JwksEndpoint"),
            scope=scope,
        )

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``from_stack`` reads; an issuer cannot be put together in another stack."""
        stack.output(f"{self.name}UserPoolArn", self.user_pool_arn, "The user pool")
        stack.output(f"{self.name}ClientId", self.client_id, "The client that the load balancer signs people in with")
        stack.output(f"{self.name}UserPoolDomain", self.domain, "First part of the sign-in page's host name")
        stack.output(f"{self.name}Issuer", self.issuer, "What tokens name as their issuer")
        stack.output(f"{self.name}JwksEndpoint", self.jwks_endpoint, "Where tokens' signatures are checked against")

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
                f"{self.name}MachinesRule",
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
            UserPoolArn=self.user_pool_arn,
            UserPoolClientId=self.client_id,
            UserPoolDomain=self.domain,
            OnUnauthenticatedRequest="authenticate",
            Scope="openid",
            SessionTimeout=session_seconds,
        )

    def _machines(self) -> elb.JwtValidationConfig:
        """Signature, issuer and times are always checked; the scope tells a program's token from a person's."""
        return elb.JwtValidationConfig(
            Issuer=self.issuer,
            JwksEndpoint=self.jwks_endpoint,
            AdditionalClaims=[
                elb.JwtValidationActionAdditionalClaim(
                    Name="scope", Format="space-separated-values", Values=[self.scope]
                )
            ],
        )
