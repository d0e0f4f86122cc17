"""Changing the catalogue with governance: who may, and an audit event for each change."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.forms.models import model_to_dict
from django.utils.translation import gettext as _

from istio.documents import fqdn
from releases.domain import BadPlan, DomainError, NotAllowed
from releases.domain.actor import Actor
from releases.domain.roles import Action
from releases.flow.attempts import attempt
from releases.flow.authorize import check_may, check_may_everywhere, check_may_in
from releases.flow.guarded import guarded, propose_guarded
from releases.flow.metrics import check_metric
from releases.flow.record import record
from releases.models import NotificationChannel
from services.models import Metric, Policy, RolloutLimit, Service, Version

_OBJECTS = frozenset({"cluster", "namespace", "host", "virtual_service", "destination_rule"})
"""The columns by which a service names what is in the mesh."""


class VersionConflict(DomainError):
    """The same version name with another image."""

    code = "version_conflict"


@attempt("register_version", about="service")
@transaction.atomic
def register_version(
    *,
    service: Service,
    name: str,
    by: Actor,
    image: str = "",
    commit: str = "",
    notes_url: str = "",
    subset: str = "",
    labels: Mapping[str, str] | None = None,
) -> tuple[Version, bool]:
    """Register a version, or return the one that is there with the same image. The flag says whether it is new.

    Raises NotAllowed, BadPlan, VersionConflict: a name stands for one image for ever, since approvals name both.
    """
    check_may(Action.REGISTER_VERSION, by=by, service=service)
    if not name.strip():
        raise BadPlan(_("A version has a name."), field="name")
    known = Version.objects.filter(service=service, name=name).first()
    if known:
        if known.image and image and known.image != image:
            text = _(
                "Version %(name)s of %(service)s is already registered with the image %(known)s; give the new image a new name."
            )
            raise VersionConflict(text % {"name": name, "service": service, "known": known.image})
        _complete(known, image=image, commit=commit, notes_url=notes_url, by=by)
        return known, False
    version = Version(
        service=service,
        name=name,
        subset=subset or name,
        labels=dict(labels or {"version": name}),
        image=image,
        commit=commit,
        notes_url=notes_url,
        registered_by_id=by.user_id,
    )
    _check(version)
    version.save()
    record("register_version", by=by, obj=version, after={"name": name, "image": image, "commit": commit})
    return version, True


@attempt("save_catalogue")
def save_catalogue(
    instance: models.Model, *, by: Actor, changes: Mapping[str, Any], why: str = ""
) -> models.Model:
    """Create (an unsaved instance) or change a cluster, service, metric or policy. Raises NotAllowed, BadPlan.

    What takes two people (``guarded``) is proposed and left as it is. An agreed change of a policy counts up its number,
    which is part of every fingerprint: what was approved under the old one is void.
    """
    if isinstance(instance, Metric):
        check_may_everywhere(Action.EDIT_CATALOGUE, by=by)
        tried = copy(instance)
        for name, value in changes.items():
            setattr(tried, name, value)
        check_metric(tried)  # asks Prometheus, so it comes before the transaction
    if for_two := guarded(instance, changes=changes):
        proposed = copy(instance)
        for name, value in for_two.items():
            if name not in Policy.GROUPS:
                setattr(proposed, name, value)
        _check(proposed)
    with transaction.atomic():
        if for_two:
            propose_guarded(instance, by=by, changes=for_two, why=why)
        rest = {name: value for name, value in changes.items() if name not in for_two}
        return _save_catalogue(instance, by=by, changes=rest) if rest or not for_two else instance


def _save_catalogue(instance: models.Model, *, by: Actor, changes: Mapping[str, Any]) -> models.Model:
    action = Action.EDIT_POLICIES if isinstance(instance, Policy) else Action.EDIT_CATALOGUE
    for group_id in _owners(instance, changes=changes):
        check_may_in(action, by=by, group_id=group_id)
    created = instance.pk is None
    before = None if created else _as_json(instance)
    many = {field.name for field in instance._meta.many_to_many}
    for name, value in changes.items():
        if name not in many:
            setattr(instance, name, value)
    _check(instance)
    if isinstance(instance, Service) and _OBJECTS & set(changes):
        _refuse_others_objects(instance, by=by)
    instance.save()
    instance.refresh_from_db()
    for name in many & set(changes):
        getattr(instance, name).set(changes[name])
    kind = instance._meta.model_name
    record(
        f"create_{kind}" if created else f"change_{kind}",
        by=by,
        obj=instance,
        before=before,
        after=_as_json(instance),
    )
    return instance


def _refuse_others_objects(service: Service, *, by: Actor) -> None:
    """Refuse a host or an Istio object of a service that another group owns, but to who keeps that group's catalogue, too.

    Who names it could shift its traffic. Raises NotAllowed.
    """
    place = Service.objects.filter(cluster=service.cluster_id).exclude(pk=service.pk)
    host = fqdn(service.host, namespace=service.namespace)
    for other in place.exclude(owners=service.owners_id).select_related("owners"):
        same_place = other.namespace == service.namespace
        shared = fqdn(other.host, namespace=other.namespace) == host or (
            same_place
            and (
                other.virtual_service == service.virtual_service
                or other.destination_rule == service.destination_rule
            )
        )
        if not shared:
            continue
        try:
            check_may_in(Action.EDIT_CATALOGUE, by=by, group_id=other.owners_id)
        except NotAllowed as error:
            text = _(
                "The host, VirtualService or DestinationRule is that of %(other)s, which %(group)s owns."
            )
            owner = other.owners or _("nobody")
            raise NotAllowed(f"{text % {'other': other, 'group': owner}} {error}") from error


def _owners(instance: models.Model, *, changes: Mapping[str, Any]) -> set[int | None]:
    """Return the owning groups of a row as it is and as it will be; None for what is everybody's."""
    name = {Service: "owners", NotificationChannel: "group", RolloutLimit: "group"}.get(type(instance))
    if name is None:
        return {None}
    now = getattr(instance, f"{name}_id")
    chosen = changes.get(name, getattr(instance, name))
    then = chosen.pk if chosen else None
    return {now, then} if instance.pk else {then}


def _complete(version: Version, *, image: str, commit: str, notes_url: str, by: Actor) -> None:
    """Fill in what was not known when the version was found in the cluster. Nothing that is known changes."""
    given = {"image": image, "commit": commit, "notes_url": notes_url}
    fresh = {name: value for name, value in given.items() if value and not getattr(version, name)}
    if not fresh:
        return
    for name, value in fresh.items():
        setattr(version, name, value)
    _check(version)
    version.save(update_fields=list(fresh))
    record("complete_version", by=by, obj=version, after=fresh)


def _check(instance: models.Model) -> None:
    try:
        instance.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadPlan(f"{field}: {messages[0]}", field=field) from error


def _as_json(instance: models.Model) -> dict[str, Any]:
    return {
        name: [item.pk for item in value]
        if isinstance(value, list) and value and isinstance(value[0], models.Model)
        else value
        for name, value in model_to_dict(instance).items()
    }
