"""Every read with a join, for admin, API, dashboard and worker. Nothing here writes."""

from releases.flow.authorize import why_not
from releases.roles import roles_of
from releases.selectors.calendar import (
    CalendarView,
    Occurrence,
    ServiceAnswer,
    calendar_view,
    conflict_sentence,
    exported,
    freezes,
    proposals,
    proposals_waiting_for,
    schedule_forecast,
    standard_changes,
    unknown_years_sentence,
    windows,
)
from releases.selectors.chain import ChainState, chain
from releases.selectors.drift import drift_seen
from releases.selectors.events import AllowedEvent, allowed_events, held_roles, may, may_any, may_in
from releases.selectors.experiments import experiments
from releases.selectors.health import HealthItem, ask_parts, health, known_health
from releases.selectors.news import Item, News, Place, newest_place, news_after
from releases.selectors.packs import (
    Evidence,
    as_csv,
    as_jsonl,
    evidence_of,
    evidence_pack,
    heads_as_jsonl,
    trail_as_jsonl,
)
from releases.selectors.plans import may_keep_plan
from releases.selectors.preview import Preview, StepPreview, preview
from releases.selectors.readable import exportable_events, exports_whole_trail, readable_events
from releases.selectors.rehearsals import blindness, rehearsal_of, rehearsal_sentence, rehearsals_of
from releases.selectors.rows import (
    due_rollouts,
    emergencies,
    latest_verdict,
    listed_rollouts,
    reviews_overdue,
    reviews_waiting_for,
    rollouts,
    services,
    waiting_for,
)
from releases.selectors.search import events_of_content, events_since, events_that_mention, events_until
from releases.selectors.traffic import Traffic, traffic, traffic_of
from releases.selectors.traffic_changes import (
    AllowedChangeEvent,
    ChangePreview,
    allowed_change_events,
    changes,
    changes_waiting_for,
    preview_change,
    route_of,
    unfinished_changes,
)
from releases.selectors.trains import allowed_train_events, train_timeline, trains
from releases.sentences import audit_sentence, verdict_sentence, why

__all__ = [
    "AllowedChangeEvent",
    "AllowedEvent",
    "CalendarView",
    "ChainState",
    "ChangePreview",
    "Evidence",
    "HealthItem",
    "Item",
    "News",
    "Occurrence",
    "Place",
    "Preview",
    "ServiceAnswer",
    "StepPreview",
    "Traffic",
    "allowed_change_events",
    "allowed_events",
    "allowed_train_events",
    "as_csv",
    "as_jsonl",
    "ask_parts",
    "audit_sentence",
    "blindness",
    "calendar_view",
    "chain",
    "changes",
    "changes_waiting_for",
    "conflict_sentence",
    "drift_seen",
    "due_rollouts",
    "emergencies",
    "events_of_content",
    "events_since",
    "events_that_mention",
    "events_until",
    "evidence_of",
    "evidence_pack",
    "experiments",
    "exportable_events",
    "exported",
    "exports_whole_trail",
    "freezes",
    "heads_as_jsonl",
    "health",
    "held_roles",
    "known_health",
    "latest_verdict",
    "listed_rollouts",
    "may",
    "may_any",
    "may_in",
    "may_keep_plan",
    "newest_place",
    "news_after",
    "preview",
    "preview_change",
    "proposals",
    "proposals_waiting_for",
    "readable_events",
    "rehearsal_of",
    "rehearsal_sentence",
    "rehearsals_of",
    "reviews_overdue",
    "reviews_waiting_for",
    "roles_of",
    "rollouts",
    "route_of",
    "schedule_forecast",
    "services",
    "standard_changes",
    "traffic",
    "traffic_of",
    "trail_as_jsonl",
    "train_timeline",
    "trains",
    "unfinished_changes",
    "unknown_years_sentence",
    "verdict_sentence",
    "waiting_for",
    "why",
    "why_not",
    "windows",
]
