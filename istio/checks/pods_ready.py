"""The candidate would get requests and has no pods, or not all of them are ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import (
    describe,
    fqdn,
    mapping_at,
    name_of,
    namespace_of,
    rules_for_host,
    spec_of,
    subsets_of,
    whole_number_at,
)
from istio.mesh import Manifest
from istio.sentence import Sentence

CODE = "WEIR0103"


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Count the ready pods of the Deployments that the candidate's subset selects."""
    labels = labels_of_candidate(facts)
    version = facts.candidate_version
    path = f"subset {version.subset}" if version.subset else version.host
    mine = [
        item
        for item in facts.deployments
        if _is_selected(item, labels={**_selector(facts), **labels}, facts=facts)
    ]
    if not labels or not facts.goes_up:
        return
    if not mine:
        shown = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
        message = Sentence(
            "No Deployment in {namespace} makes pods with {shown}: requests to {version} get 503. "
            "Deploy the version, or correct its labels.",
            namespace=facts.home,
            shown=shown,
            version=version,
        )
        yield Finding(CODE, Severity.ERROR, path, message)
        return
    ready, wanted = (sum(counts) for counts in zip(*map(_replicas, mine), strict=True))
    names = ", ".join(name_of(item) for item in mine)
    if ready == 0:
        message = Sentence(
            "0 of {wanted} pods of {names} are ready: requests to {version} get 503. Start them first.",
            wanted=wanted,
            names=names,
            version=version,
        )
        yield Finding(CODE, Severity.ERROR, path, message)
    elif ready < wanted:
        message = Sentence(
            "{ready} of {wanted} pods of {names} are ready; wait for the others or look why they fail.",
            ready=ready,
            wanted=wanted,
            names=names,
        )
        yield Finding(CODE, Severity.WARNING, path, message)


def labels_of_candidate(facts: CheckFacts) -> Mapping[str, str]:
    """Return the labels its subset selects by, else those the version was registered with."""
    version = facts.candidate_version
    for rule in rules_for_host(list(facts.destination_rules), host=version.host, namespace=facts.home):
        for name, labels in subsets_of(rule):
            if name == version.subset:
                return labels
    return facts.candidate_labels


def _selector(facts: CheckFacts) -> Manifest:
    """Return what the host's Service selects: a subset divides those pods, its labels alone say little."""
    for service in facts.services:
        host = fqdn(name_of(service), namespace=namespace_of(service, default=facts.namespace))
        if host == facts.candidate_version.host:
            return mapping_at(spec_of(service), "selector", where=describe(service))
    return {}


def _is_selected(deployment: Manifest, *, labels: Mapping[str, str], facts: CheckFacts) -> bool:
    where = describe(deployment)
    template = mapping_at(spec_of(deployment), "template", where=where)
    metadata = mapping_at(template, "metadata", where=where)
    pods = mapping_at(metadata, "labels", where=where)
    at_home = namespace_of(deployment, default=facts.namespace) == facts.home
    return at_home and labels.items() <= pods.items()


def _replicas(deployment: Manifest) -> tuple[int, int]:
    where = describe(deployment)
    wanted = whole_number_at(spec_of(deployment), "replicas", where=where)
    status = mapping_at(deployment, "status", where=where)
    return whole_number_at(status, "readyReplicas", where=where) or 0, 1 if wanted is None else wanted


CHECK = Check(
    CODE,
    Sentence("Pods of the candidate ready"),
    Severity.ERROR,
    "No Deployment makes pods with the labels of the candidate's subset, or not all of its pods are ready.",
    Sentence("Deploy the candidate and wait until its pods are ready, or correct the labels."),
    find,
)
