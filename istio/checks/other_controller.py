"""Somebody else writes the same object: whatever Weir writes would be undone, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from istio.checks.check import Check
from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.documents import annotations_of, describe, mapping_at, metadata_of, objects_at, text_at
from istio.mesh import Manifest
from istio.sentence import Sentence

CODE = "WEIR0111"


@dataclass(frozen=True, slots=True)
class Mark:
    """A label or annotation by which a controller is known, and what to set so that it leaves routes alone.

    An ERROR splits traffic itself; a WARNING applies the whole object now and then.
    """

    key: str
    owner: str
    severity: Severity
    remedy: Sentence
    value: str = ""


_ARGO_CD = Sentence(
    "Add ignoreDifferences with jsonPointers /spec/http and RespectIgnoreDifferences=true to the Application."
)
_FLUX = Sentence(
    "Annotate it with kustomize.toolkit.fluxcd.io/ssa: IfNotPresent, or keep it out of the Kustomization."
)
_HELM = Sentence(
    "Leave this object out of the HelmRelease, or set spec.driftDetection.ignore for /spec/http on it."
)
_ROLLOUTS = Sentence(
    "Take trafficRouting.istio out of the Rollout, or release this service with it and not with Weir."
)
_FLAGGER = Sentence("Delete the Canary, or release this service with it and not with Weir.")
MARKS = (
    Mark("argo-rollouts.argoproj.io/managed-by-rollouts", "Argo Rollouts", Severity.ERROR, _ROLLOUTS),
    Mark("app.kubernetes.io/managed-by", "Flagger", Severity.ERROR, _FLAGGER, value="flagger"),
    Mark("argocd.argoproj.io/tracking-id", "Argo CD", Severity.WARNING, _ARGO_CD),
    Mark("argocd.argoproj.io/instance", "Argo CD", Severity.WARNING, _ARGO_CD),
    Mark("kustomize.toolkit.fluxcd.io/name", "Flux", Severity.WARNING, _FLUX),
    Mark("helm.toolkit.fluxcd.io/name", "Flux (Helm)", Severity.WARNING, _HELM),
)


def find(facts: CheckFacts) -> Iterator[Finding]:
    """Look at labels, annotations, owners and field managers of the VirtualService."""
    document = facts.virtual_service
    where = describe(document)
    labels = mapping_at(metadata_of(document), "labels", where=where)
    for mark in MARKS:
        for field, values in (("labels", labels), ("annotations", annotations_of(document))):
            value = values.get(mark.key)
            if value is not None and (not mark.value or str(value).lower() == mark.value):
                yield _finding(mark, path=f"metadata/{field}/{mark.key}")
    yield from _owners(document, where=where)


def _finding(mark: Mark, *, path: str) -> Finding:
    if mark.severity is Severity.ERROR:
        message = Sentence(
            "{controller} splits the traffic of this object too: each would undo the other. {remedy}",
            controller=mark.owner,
            remedy=mark.remedy,
        )
        return Finding(CODE, Severity.ERROR, path, message)
    message = Sentence(
        "{controller} applies this object; with self-heal it would undo each step. {remedy}",
        controller=mark.owner,
        remedy=mark.remedy,
    )
    return Finding(CODE, Severity.WARNING, path, message)


def _owners(document: Manifest, *, where: str) -> Iterator[Finding]:
    metadata = metadata_of(document)
    for index, owner in enumerate(objects_at(metadata, "ownerReferences", where=where)):
        if text_at(owner, "apiVersion", where=where).startswith("flagger.app/"):
            mark = Mark("", "Flagger", Severity.ERROR, _FLAGGER)
            yield _finding(mark, path=f"metadata/ownerReferences[{index}]")
    for index, entry in enumerate(objects_at(metadata, "managedFields", where=where)):
        if text_at(entry, "manager", where=where) == "rollouts-controller":
            message = Sentence(
                "Argo Rollouts has written this object. If it still does: {remedy}", remedy=_ROLLOUTS
            )
            yield Finding(CODE, Severity.WARNING, f"metadata/managedFields[{index}]", message)


CHECK = Check(
    CODE,
    Sentence("No other controller"),
    Severity.ERROR,
    "Argo Rollouts or Flagger splits this traffic (error), or Argo CD or Flux applies the object (warning).",
    Sentence("Tell the other controller to leave `/spec/http` alone; the finding names the setting."),
    find,
)
