"""The built-in kinds. They are stored as they are sent; the lab runs none of Kubernetes' controllers."""

from __future__ import annotations

from functools import partial
from typing import Any

from deploy.lab.kubeapi.kinds import Column, Kind

AGE = Column("Age", "date", ".metadata.creationTimestamp")
ALL = ("all",)  # the category of ``kubectl get all``


def _kind(group: str, version: str, name: str, plural: str, *short: str, **traits: Any) -> Kind:
    return Kind(group, (version,), name, plural, short, **traits)


def _columns(*pairs: tuple[str, str]) -> tuple[Column, ...]:
    return (*(Column(name, "string", path) for name, path in pairs), AGE)


PHASE = _columns(("Status", ".status.phase"))
WORKLOAD = (
    Column("Ready", "ratio", ".status.readyReplicas/.spec.replicas"),
    Column("Up-to-date", "count", ".status.updatedReplicas"),
    Column("Available", "count", ".status.availableReplicas"),
    AGE,
)
SERVICE = _columns(
    ("Type", ".spec.type"), ("Cluster-IP", ".spec.clusterIP"), ("Port(s)", ".spec.ports[*].port")
)
EVENT = _columns(("Type", ".type"), ("Reason", ".reason"), ("Message", ".message"))
SCALER = _columns(
    ("Reference", ".spec.scaleTargetRef.name"),
    ("MinPods", ".spec.minReplicas"),
    ("MaxPods", ".spec.maxReplicas"),
    ("Replicas", ".status.currentReplicas"),
)
BUDGET = _columns(("Min available", ".spec.minAvailable"), ("Max unavailable", ".spec.maxUnavailable"))
JOB = _columns(("Completions", ".spec.completions"), ("Succeeded", ".status.succeeded"))
CRON_JOB = _columns(("Schedule", ".spec.schedule"), ("Suspend", ".spec.suspend"))
INGRESS = _columns(("Class", ".spec.ingressClassName"), ("Hosts", ".spec.rules[*].host"))
LEASE = _columns(("Holder", ".spec.holderIdentity"))
BINDING = _columns(("Role", ".roleRef.name"))

core = partial(_kind, "", "v1")
CORE = (
    core("Namespace", "namespaces", "ns", namespaced=False, status=True, columns=PHASE),
    core("Node", "nodes", "no", namespaced=False, status=True),
    core("Pod", "pods", "po", status=True, categories=ALL, returns_deleted=True, columns=PHASE),
    core("Service", "services", "svc", status=True, categories=ALL, returns_deleted=True, columns=SERVICE),
    core("ConfigMap", "configmaps", "cm"),
    core("Secret", "secrets", columns=_columns(("Type", ".type"))),
    core("ServiceAccount", "serviceaccounts", "sa", returns_deleted=True),
    core("Event", "events", "ev", columns=EVENT),
    core("Endpoints", "endpoints", "ep"),
    core("PersistentVolume", "persistentvolumes", "pv", namespaced=False, status=True, returns_deleted=True),
    core("PersistentVolumeClaim", "persistentvolumeclaims", "pvc", status=True, returns_deleted=True),
    core("ReplicationController", "replicationcontrollers", "rc", status=True, generation=True),
    core("ResourceQuota", "resourcequotas", "quota", status=True, returns_deleted=True),
    core("LimitRange", "limitranges", "limits"),
    core("PodTemplate", "podtemplates", generation=True, returns_deleted=True),
)

apps = partial(_kind, "apps", "v1", generation=True)
running = partial(apps, status=True, categories=ALL)
batch = partial(_kind, "batch", "v1", status=True, generation=True, categories=ALL)
WORKLOADS = (
    running("Deployment", "deployments", "deploy", columns=WORKLOAD),
    running("StatefulSet", "statefulsets", "sts", columns=WORKLOAD),
    running("DaemonSet", "daemonsets", "ds"),
    running("ReplicaSet", "replicasets", "rs", columns=WORKLOAD),
    _kind("apps", "v1", "ControllerRevision", "controllerrevisions"),
    batch("Job", "jobs", columns=JOB),
    batch("CronJob", "cronjobs", "cj", columns=CRON_JOB),
    _kind(
        "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa",
        status=True, categories=ALL, columns=SCALER,
    ),
    _kind(
        "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb",
        status=True, generation=True, columns=BUDGET,
    ),
)  # fmt: skip

network = partial(_kind, "networking.k8s.io", "v1", generation=True)
NETWORK = (
    network("NetworkPolicy", "networkpolicies", "netpol"),
    network("Ingress", "ingresses", "ing", status=True, columns=INGRESS),
    network("IngressClass", "ingressclasses", namespaced=False),
    _kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", generation=True),
)

rbac = partial(_kind, "rbac.authorization.k8s.io", "v1")
review = partial(_kind, "authorization.k8s.io", "v1", virtual=True)
ACCESS = (
    rbac("Role", "roles"),
    rbac("RoleBinding", "rolebindings", columns=BINDING),
    rbac("ClusterRole", "clusterroles", namespaced=False),
    rbac("ClusterRoleBinding", "clusterrolebindings", namespaced=False, columns=BINDING),
    review("SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False),
    review("SubjectAccessReview", "subjectaccessreviews", namespaced=False),
    review("LocalSubjectAccessReview", "localsubjectaccessreviews"),
    review("SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False),
)

cluster = partial(_kind, namespaced=False)
REST = (
    _kind("coordination.k8s.io", "v1", "Lease", "leases", columns=LEASE),
    _kind("events.k8s.io", "v1", "Event", "events", "ev"),
    cluster("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "pc", generation=True),
    cluster("storage.k8s.io", "v1", "StorageClass", "storageclasses", "sc"),
    cluster(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd", "crds",
        status=True, generation=True,
    ),
)  # fmt: skip

BUILT_IN = (*CORE, *WORKLOADS, *NETWORK, *ACCESS, *REST)
