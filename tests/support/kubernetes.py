"""Kubernetes manifests: rendered from their sources, and checked against the schemas that a cluster would use."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from blueprints.catalog._web_backend.kubernetes import KubernetesApplication, manifests
from blueprints.components.eks_cluster import KUBERNETES_VERSIONS
from blueprints.render import files

Object = dict[str, Any]
VERSIONS = KUBERNETES_VERSIONS

TEXT: Object = {"type": "string", "minLength": 1}
TEXTS: Object = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(required: str = "", **properties: Object) -> Object:
    """An object with these members and no others, as the API server sees one with strict field validation."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def one_of(*values: str) -> Object:
    return {"enum": [*values]}


def many(items: Object) -> Object:
    return {"type": "array", "items": items}


# The `spec` of custom resources, shortened from their CustomResourceDefinitions: members that we do not use may be
# missing here, members that are not there are not.
CUSTOM: dict[tuple[str, str], Object] = {
    # kubernetes-sigs/aws-load-balancer-controller, helm/aws-load-balancer-controller/crds/crds.yaml
    ("elbv2.k8s.aws/v1beta1", "TargetGroupBinding"): closed(
        "serviceRef",
        ipAddressType=one_of("ipv4", "ipv6"),
        serviceRef=closed("name port", name=TEXT, port={"type": ["integer", "string"]}),
        targetGroupARN=TEXT,
        targetType=one_of("instance", "ip"),
        vpcID=TEXT,
    ),
    # kubernetes-sigs/secrets-store-csi-driver, charts/.../secrets-store.csi.x-k8s.io_secretproviderclasses.yaml
    ("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"): closed(
        provider=TEXT,
        parameters=TEXTS,
        secretObjects=many(
            closed(
                secretName=TEXT,
                type=TEXT,
                labels=TEXTS,
                annotations=TEXTS,
                data=many(closed(key=TEXT, objectName=TEXT)),
            )
        ),
    ),
    # external-secrets/external-secrets, config/crds/bases/external-secrets.io_secretstores.yaml
    ("external-secrets.io/v1", "SecretStore"): closed(
        "provider",
        provider=closed(
            aws=closed(
                "region service",
                region=TEXT,
                role=TEXT,
                service=one_of("SecretsManager", "ParameterStore"),
                auth=closed(jwt=closed(serviceAccountRef=closed("name", name=TEXT, audiences=many(TEXT)))),
            )
        ),
    ),
    # external-secrets/external-secrets, config/crds/bases/external-secrets.io_externalsecrets.yaml
    ("external-secrets.io/v1", "ExternalSecret"): closed(
        refreshInterval=TEXT,
        refreshPolicy=one_of("CreatedOnce", "Periodic", "OnChange"),
        secretStoreRef=closed(name=TEXT, kind=one_of("SecretStore", "ClusterSecretStore")),
        target=closed(
            name=TEXT,
            creationPolicy=one_of("Owner", "Orphan", "Merge", "None"),
            deletionPolicy=one_of("Delete", "Merge", "Retain"),
            immutable={"type": "boolean"},
        ),
        data=many(
            closed(
                "remoteRef secretKey",
                secretKey={"type": "string", "pattern": "^[-._a-zA-Z0-9]{1,253}$"},
                remoteRef=closed("key", key=TEXT, property=TEXT, version=TEXT),
            )
        ),
    ),
}

# What an entry of the AWS provider's `objects` can have (aws/secrets-store-csi-driver-provider-aws, README).
PROVIDER_OBJECTS = many(
    closed(
        "objectName",
        objectName=TEXT,
        objectAlias=TEXT,
        objectType=one_of("secretsmanager", "ssmparameter"),
        objectVersion=TEXT,
        objectVersionLabel=TEXT,
    )
)


def problem(document: Object, version: str) -> str:
    """What a cluster of this version would refuse, or nothing."""
    spec = CUSTOM.get((document["apiVersion"], document["kind"]))
    try:
        if spec is None:
            kubernetes_validate.validate(document, version, strict=True)
        else:
            whole = closed(
                "metadata spec",
                apiVersion=TEXT,
                kind=TEXT,
                metadata={"type": "object", "required": ["name"]},
                spec=spec,
            )
            jsonschema.validate(document, whole)
    except jsonschema.ValidationError as error:
        return f"{document['kind']} {'.'.join(map(str, error.path))}: {error.message}"
    return ""


_jinja = cache(files.environment)
_known: dict[str, tuple[dict[str, str], list[Object]]] = {}


def texts(application: KubernetesApplication) -> dict[str, str]:
    """The files as `blueprints render` writes them, by path, in the order in which they are applied."""
    return _rendered(application)[0]


def objects(application: KubernetesApplication) -> list[Object]:
    """All objects, in the order in which they are applied; they are shared, so nobody changes them."""
    return _rendered(application)[1]


def _rendered(application: KubernetesApplication) -> tuple[dict[str, str], list[Object]]:
    """The same application is rendered once."""
    asked = repr(application)
    if asked not in _known:
        made = sorted(manifests(application, folder="kubernetes/dev"), key=lambda file: file.path)
        written = {
            file.path: _jinja().get_template(file.template).render({"path": file.path, **file.values}) for file in made
        }
        _known[asked] = written, [each for text in written.values() for each in yaml.safe_load_all(text)]
    return _known[asked]


def key(document: Object) -> str:
    """The object as one text, to see whether two are the same."""
    return json.dumps(document, sort_keys=True)
