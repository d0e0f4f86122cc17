"""The paths of ``/api/v1/``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from django.urls import path, re_path
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSetMixin

from releases.api.audit import AuditViewSet
from releases.api.base import Door
from releases.api.calendar.freezes import FreezeViewSet, HolidayViewSet, WindowViewSet
from releases.api.calendar.overview import CalendarFileView, CalendarView
from releases.api.calendar.proposals import ProposalViewSet
from releases.api.calendar.standard import StandardChangeViewSet
from releases.api.clusters import ClusterViewSet
from releases.api.documentation import DocsView, SchemaView
from releases.api.experiments import ExperimentViewSet
from releases.api.limits import LimitViewSet
from releases.api.me import ConfirmView, MeView
from releases.api.metrics import MetricViewSet
from releases.api.overview.views import OverviewView
from releases.api.plans import PlanViewSet
from releases.api.policies import PolicyViewSet
from releases.api.rehearsals import RehearsalViewSet
from releases.api.rollouts.inputs import EVENT_INPUTS
from releases.api.rollouts.pack import EvidenceView
from releases.api.rollouts.views import EventView, ReviewView, RolloutViewSet
from releases.api.services import ServiceViewSet
from releases.api.stream import StreamView
from releases.api.traffic_changes import CHANGE_EVENT_INPUTS, ChangeEventView, TrafficChangeViewSet
from releases.api.trains import TRAIN_EVENT_INPUTS, TrainEventView, TrainViewSet
from releases.api.versions import VersionViewSet
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent

app_name = "api"
NEEDS_APPROVE_SCOPE = {Event.APPROVE, Event.REJECT}
CHANGE_NEEDS_APPROVE_SCOPE = {ChangeEvent.APPROVE, ChangeEvent.REJECT}


class NothingHere(Door):
    """Answers unknown paths in the API's own shape."""

    schema = None  # type: ignore[assignment]  # how a view stays out of the schema

    def initial(self, request: Request, *args: object, **kwargs: object) -> NoReturn:
        raise NotFound


NOUNS: Mapping[str, type[ViewSetMixin]] = {
    "services": ServiceViewSet,
    "versions": VersionViewSet,
    "clusters": ClusterViewSet,
    "metrics": MetricViewSet,
    "policies": PolicyViewSet,
    "limits": LimitViewSet,
    "plans": PlanViewSet,
    "experiments": ExperimentViewSet,
    "rehearsals": RehearsalViewSet,
    "rollouts": RolloutViewSet,
    "freezes": FreezeViewSet,
    "release-windows": WindowViewSet,
    "holidays": HolidayViewSet,
    "proposals": ProposalViewSet,
    "traffic-changes": TrafficChangeViewSet,
    "trains": TrainViewSet,
    "standard-changes": StandardChangeViewSet,
    "audit": AuditViewSet,
}

router = SimpleRouter(use_regex_path=False)
for noun, view_set in NOUNS.items():
    router.register(noun, view_set, basename=noun)

urlpatterns = [
    *router.urls,
    *(
        path(
            f"rollouts/<int:pk>/{event.slug}/",
            EventView.as_view(
                event=event,
                input_class=input_class,
                scope="approve" if event in NEEDS_APPROVE_SCOPE else "write",
            ),
            name=f"rollouts-{event.slug}",
        )
        for event, input_class in EVENT_INPUTS.items()
    ),
    path("rollouts/<int:pk>/evidence.zip", EvidenceView.as_view(), name="rollouts-evidence"),
    *(
        path(
            f"traffic-changes/<int:pk>/{change_event.value}/",
            ChangeEventView.as_view(
                event=change_event,
                input_class=change_input,
                scope="approve" if change_event in CHANGE_NEEDS_APPROVE_SCOPE else "write",
            ),
            name=f"traffic-changes-{change_event.value}",
        )
        for change_event, change_input in CHANGE_EVENT_INPUTS.items()
    ),
    *(
        path(
            f"trains/<int:pk>/{event.slug}/",
            TrainEventView.as_view(
                event=event,
                input_class=input_class,
                scope="approve" if event in NEEDS_APPROVE_SCOPE else "write",
            ),
            name=f"trains-{event.slug}",
        )
        for event, input_class in TRAIN_EVENT_INPUTS.items()
    ),
    path("overview/", OverviewView.as_view(), name="overview"),
    path("rollouts/<int:pk>/review/", ReviewView.as_view(), name="rollouts-review"),
    path("calendar/", CalendarView.as_view(), name="calendar"),
    path("calendar.ics", CalendarFileView.as_view(), name="calendar-file"),
    path("me/confirm/", ConfirmView.as_view(), name="me-confirm"),
    path("me/", MeView.as_view(), name="me"),
    path("stream/", StreamView.as_view(), name="stream"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path(r"", NothingHere.as_view(), name="nothing"),
]
