"""``manage.py check --deploy``: is what the environment leaves out fit for production?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.http.request import validate_host


@register(Tags.security, deploy=True)
def settings_are_given(app_configs: Any, **_kwargs: Any) -> Sequence[CheckMessage]:
    """Name each setting that production can not do without."""
    return [message for check in _CHECKS for message in check()]


def _secret() -> Iterator[CheckMessage]:
    if not settings.SECRET_KEY_IS_GIVEN:
        yield Error(
            "SECRET_KEY is not set: each process makes one of its own, and sessions of one are unknown to the next.",
            hint="Set SECRET_KEY to 50 random characters or more, the same for web, worker and beat.",
            id="portal.E001",
        )


def _hosts() -> Iterator[CheckMessage]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield Error(
            f"ALLOWED_HOSTS does not have {host!r}, the host of WEIR_PUBLIC_URL: every request would be answered 400.",
            hint="Name the hosts by commas in ALLOWED_HOSTS.",
            id="portal.E002",
        )


def _https() -> Iterator[CheckMessage]:
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        yield Error(
            f"WEIR_PUBLIC_URL is {settings.PUBLIC_URL}: passwords, sessions and tokens travel unencrypted.",
            hint="End TLS before Weir and set WEIR_PUBLIC_URL to the https address that people use.",
            id="portal.E003",
        )


def _proxies() -> Iterator[CheckMessage]:
    open_to_all = [str(network) for network in settings.TRUSTED_PROXIES if network.prefixlen == 0]
    if open_to_all:
        yield Error(
            f"WEIR_TRUSTED_PROXIES holds {open_to_all[0]}: every caller may choose the address in the audit trail.",
            hint="Name the addresses of the proxies in front of Weir, and nothing that callers are in.",
            id="portal.E004",
        )
    if not settings.TRUSTED_PROXIES and urlsplit(settings.PUBLIC_URL).scheme == "https":
        yield checks.Warning(
            "WEIR_TRUSTED_PROXIES is not set: the audit trail names the proxy that ends TLS as every caller.",
            hint="Name the addresses of the proxies in front of Weir (docs/runbook.md).",
            id="portal.W001",
        )


def _database() -> Iterator[CheckMessage]:
    if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
        yield Error(
            "The database is SQLite, which is for a first look: one writer at a time, and whoever has the file owns it.",
            hint="Set DATABASE_URL to a PostgreSQL database.",
            id="portal.E005",
        )


def _lab() -> Iterator[CheckMessage]:
    if settings.LAB:
        yield Error(
            "WEIR_LAB is on: the people and tokens of the demonstration would be in production.",
            hint="Take WEIR_LAB out of the environment.",
            id="portal.E006",
        )


_CHECKS: tuple[Callable[[], Iterator[CheckMessage]], ...] = (
    _secret,
    _hosts,
    _https,
    _proxies,
    _database,
    _lab,
)
