"""Names: hosts as Istio resolves them, the domains Envoy shall answer to, the names of clusters. Pure."""

from __future__ import annotations

CLUSTER_DOMAIN = "cluster.local"


def fqdn(host: str, *, namespace: str) -> str:
    """Resolve a host of an Istio object: without a dot in the object's namespace, else literal."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.{CLUSTER_DOMAIN}"


def domains(host: str) -> tuple[str, ...]:
    """Return the ``Host`` values that reach a resolved host, shortest first, with and without a port.

    A Service answers to each shorter form of its name, as it does for a pod of its own namespace.
    """
    name, _, rest = host.partition(".")
    namespace, _, suffix = rest.partition(".")
    if suffix == f"svc.{CLUSTER_DOMAIN}":
        forms: tuple[str, ...] = (name, f"{name}.{namespace}", f"{name}.{namespace}.svc", host)
    else:
        forms = (host,)
    return tuple(domain for form in forms for domain in ((form,) if "*" in form else (form, f"{form}:*")))


def cluster_name(host: str, *, port: int, subset: str) -> str:
    """Return istiod's name for an outbound cluster; the subset may be empty."""
    return f"outbound|{port}|{subset}|{host}"
