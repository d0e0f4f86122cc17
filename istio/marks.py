"""What Weir writes on an object beside its traffic: annotations. And the object without them, for hashing."""

from __future__ import annotations

from collections.abc import Collection

from istio.documents import SERVER_FIELDS, WEIR_ANNOTATION, annotations_of, copied, metadata_of
from istio.mesh import Manifest

ROLLOUT = f"{WEIR_ANNOTATION}rollout"
STEP = f"{WEIR_ANNOTATION}step"
FINGERPRINT = f"{WEIR_ANNOTATION}fingerprint"
FENCE = f"{WEIR_ANNOTATION}fence"
MIRROR = f"{WEIR_ANNOTATION}mirror"
EMPTY_MIRRORS = f"{WEIR_ANNOTATION}empty-mirrors"


def annotated(
    document: Manifest, *, rollout: str, step: int | str, fingerprint: str, fence: int | str
) -> Manifest:
    """Return a copy that names the rollout, step, fingerprint and fence for whoever reads it with kubectl.

    Raises MalformedRoute if metadata or annotations are no objects.
    """
    marks = {ROLLOUT: rollout, STEP: str(step), FINGERPRINT: fingerprint, FENCE: str(fence)}
    return with_annotations(document, changes=dict(marks))


def with_annotations(document: Manifest, *, changes: dict[str, str | None]) -> Manifest:
    """Return a copy with annotations set, or removed where the value is None. Raises MalformedRoute.

    An ``annotations`` object that becomes empty by it goes too: the API server would drop it as well.
    """
    old = annotations_of(document)
    new = {key: value for key, value in {**old, **changes}.items() if value is not None}
    result: Manifest = copied(document)
    if new == old:
        return result
    metadata = copied(metadata_of(document))
    if new:
        metadata["annotations"] = new
    else:
        metadata.pop("annotations")
    result["metadata"] = metadata
    return result


def unmarked(document: Manifest, *, keep: Collection[str] = ()) -> Manifest:
    """Return a copy without Weir's annotations but those to ``keep``. Raises MalformedRoute."""
    ours = [
        key for key in annotations_of(document) if str(key).startswith(WEIR_ANNOTATION) and key not in keep
    ]
    return with_annotations(document, changes=dict.fromkeys(ours))


def without_weir(document: Manifest) -> Manifest:
    """Return the form that fingerprints hash: without status, the server's metadata, and Weir's annotations.

    Raises MalformedRoute.
    """
    result = unmarked(document)
    result.pop("status", None)
    metadata = metadata_of(result)
    for field in SERVER_FIELDS:
        metadata.pop(field, None)
    return result
