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
=====  ============================================================================================

What a condition or an intrinsic function decides is not known here, and what is not known is no finding.
"""
