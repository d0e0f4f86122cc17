"""The built-in kinds. They are stored as they are sent; the lab runs none of Kubernetes' controllers."""

from __future__ import annotations

from deploy.lab.kubeapi.kinds import Column, Kind

AGE = Column("Age", "date", ".metadata.creationTimestamp")
ALL = ("all",)


def _columns(*pairs: tuple[str, str]) -> tuple[Column, ...]:
    return (*(Column(name, "string", path) for name, path in pairs), AGE)


CORE = (
    Kind(
        "",
        ("v1",),
        "Namespace",
        "namespaces",
        ("ns",),
        namespaced=False,
        status=True,
        columns=_columns(("Status", ".status.phase")),
    ),
    Kind("", ("v1",), "Node", "nodes", ("no",), namespaced=False, status=True),
    Kind(
        "",
        ("v1",),
        "Pod",
        "pods",
        ("po",),
        status=True,
        categories=ALL,
        columns=_columns(("Status", ".status.phase")),
    ),
    Kind(
        "",
        ("v1",),
        "Service",
        "services",
        ("svc",),
        status=True,
        categories=ALL,
        columns=_columns(
            ("Type", ".spec.type"), ("Cluster-IP", ".spec.clusterIP"), ("Port(s)", ".spec.ports[*].port")
        ),
    ),
    Kind("", ("v1",), "ConfigMap", "configmaps", ("cm",)),
    Kind("", ("v1",), "Secret", "secrets", columns=_columns(("Type", ".type"))),
    Kind("", ("v1",), "ServiceAccount", "serviceaccounts", ("sa",)),
    Kind(
        "",
        ("v1",),
        "Event",
        "events",
        ("ev",),
        columns=_columns(("Type", ".type"), ("Reason", ".reason"), ("Message", ".message")),
    ),
    Kind("", ("v1",), "Endpoints", "endpoints", ("ep",)),
    Kind("", ("v1",), "PersistentVolume", "persistentvolumes", ("pv",), namespaced=False, status=True),
    Kind("", ("v1",), "PersistentVolumeClaim", "persistentvolumeclaims", ("pvc",), status=True),
    Kind(
        "", ("v1",), "ReplicationController", "replicationcontrollers", ("rc",), status=True, generation=True
    ),
    Kind("", ("v1",), "ResourceQuota", "resourcequotas", ("quota",), status=True),
    Kind("", ("v1",), "LimitRange", "limitranges", ("limits",)),
    Kind("", ("v1",), "PodTemplate", "podtemplates", generation=True),
)

WORKLOAD_COLUMNS = _columns(
    ("Ready", ".status.readyReplicas"),
    ("Desired", ".spec.replicas"),
    ("Up-to-date", ".status.updatedReplicas"),
    ("Available", ".status.availableReplicas"),
)

WORKLOADS = (
    Kind(
        "apps",
        ("v1",),
        "Deployment",
        "deployments",
        ("deploy",),
        status=True,
        generation=True,
        categories=ALL,
        columns=WORKLOAD_COLUMNS,
    ),
    Kind(
        "apps",
        ("v1",),
        "StatefulSet",
        "statefulsets",
        ("sts",),
        status=True,
        generation=True,
        categories=ALL,
        columns=WORKLOAD_COLUMNS,
    ),
    Kind("apps", ("v1",), "DaemonSet", "daemonsets", ("ds",), status=True, generation=True, categories=ALL),
    Kind(
        "apps",
        ("v1",),
        "ReplicaSet",
        "replicasets",
        ("rs",),
        status=True,
        generation=True,
        categories=ALL,
        columns=WORKLOAD_COLUMNS,
    ),
    Kind("apps", ("v1",), "ControllerRevision", "controllerrevisions"),
    Kind(
        "batch",
        ("v1",),
        "Job",
        "jobs",
        status=True,
        generation=True,
        categories=ALL,
        columns=_columns(("Completions", ".spec.completions"), ("Succeeded", ".status.succeeded")),
    ),
    Kind(
        "batch",
        ("v1",),
        "CronJob",
        "cronjobs",
        ("cj",),
        status=True,
        generation=True,
        categories=ALL,
        columns=_columns(("Schedule", ".spec.schedule"), ("Suspend", ".spec.suspend")),
    ),
    Kind(
        "autoscaling",
        ("v2",),
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        ("hpa",),
        status=True,
        categories=ALL,
        columns=_columns(
            ("Reference", ".spec.scaleTargetRef.name"),
            ("MinPods", ".spec.minReplicas"),
            ("MaxPods", ".spec.maxReplicas"),
            ("Replicas", ".status.currentReplicas"),
        ),
    ),
    Kind(
        "policy",
        ("v1",),
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        ("pdb",),
        status=True,
        generation=True,
        columns=_columns(
            ("Min available", ".spec.minAvailable"), ("Max unavailable", ".spec.maxUnavailable")
        ),
    ),
)

NETWORK = (
    Kind("networking.k8s.io", ("v1",), "NetworkPolicy", "networkpolicies", ("netpol",), generation=True),
    Kind(
        "networking.k8s.io",
        ("v1",),
        "Ingress",
        "ingresses",
        ("ing",),
        status=True,
        generation=True,
        columns=_columns(("Class", ".spec.ingressClassName"), ("Hosts", ".spec.rules[*].host")),
    ),
    Kind("networking.k8s.io", ("v1",), "IngressClass", "ingressclasses", namespaced=False, generation=True),
    Kind("discovery.k8s.io", ("v1",), "EndpointSlice", "endpointslices", generation=True),
)

ACCESS = (
    Kind("rbac.authorization.k8s.io", ("v1",), "Role", "roles"),
    Kind(
        "rbac.authorization.k8s.io",
        ("v1",),
        "RoleBinding",
        "rolebindings",
        columns=_columns(("Role", ".roleRef.name")),
    ),
    Kind("rbac.authorization.k8s.io", ("v1",), "ClusterRole", "clusterroles", namespaced=False),
    Kind(
        "rbac.authorization.k8s.io",
        ("v1",),
        "ClusterRoleBinding",
        "clusterrolebindings",
        namespaced=False,
        columns=_columns(("Role", ".roleRef.name")),
    ),
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        namespaced=False,
        virtual=True,
    ),
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "SubjectAccessReview",
        "subjectaccessreviews",
        namespaced=False,
        virtual=True,
    ),
    Kind(
        "authorization.k8s.io", ("v1",), "LocalSubjectAccessReview", "localsubjectaccessreviews", virtual=True
    ),
    Kind(
        "authorization.k8s.io",
        ("v1",),
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        namespaced=False,
        virtual=True,
    ),
)

REST = (
    Kind(
        "coordination.k8s.io",
        ("v1",),
        "Lease",
        "leases",
        columns=_columns(("Holder", ".spec.holderIdentity")),
    ),
    Kind("events.k8s.io", ("v1",), "Event", "events", ("ev",)),
    Kind(
        "scheduling.k8s.io",
        ("v1",),
        "PriorityClass",
        "priorityclasses",
        ("pc",),
        namespaced=False,
        generation=True,
    ),
    Kind("storage.k8s.io", ("v1",), "StorageClass", "storageclasses", ("sc",), namespaced=False),
    Kind(
        "apiextensions.k8s.io",
        ("v1",),
        "CustomResourceDefinition",
        "customresourcedefinitions",
        ("crd", "crds"),
        namespaced=False,
        status=True,
        generation=True,
    ),
)

BUILT_IN = (*CORE, *WORKLOADS, *NETWORK, *ACCESS, *REST)
