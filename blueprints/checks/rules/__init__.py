"""Our own cfn-lint rules: what AWS refuses, hangs on or weakens although the template is valid.

One rule is one file, and no file imports another or anything of ours, so that the folder works alone in any run::

    cfn-lint --append-rules blueprints/checks/rules template.yaml

=====  ============================================================================================
E9001  an ECS service waits for the listener that forwards to its target group
E9002  a NAT gateway, an elastic IP and a route to the internet wait for the gateway's attachment
E9003  an ECS service that is scaled automatically does not set DesiredCount
E9004  a security group says what it may reach
E9005  a rolling ECS service has a circuit breaker with rollback
E9006  an HTTPS or TLS listener names its TLS policy
E9007  a task definition with secrets has an execution role
E9008  no policy allows everything except a few actions
E9009  a template has at most 200 parameters and 200 mappings
W9010  a template is small enough to be deployed without a bucket
E9011  the target group of an awsvpc service has the target type ip
E9012  a service has a launch type or a capacity provider strategy
E9013  a container's secret is written in the form of ECS
E9014  a suppression has a reason
E9015  a condition that compares exactly has no wildcard in its value
E9016  a blue/green service has a rule, two target groups with a load balancer, and no circuit breaker
E9017  a rule group in a web ACL has OverrideAction, every other rule has Action
E9018  what a web ACL logs to has a name that begins with aws-waf-logs-
E9019  a public NAT gateway is in a subnet with a route to the internet
W9020  Service Connect for HTTP says how long a request may take
=====  ============================================================================================

What a condition or an intrinsic function decides is not known here, and what is not known is no finding.
"""
