"""What holds for every read of the schema, whichever noun it is of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import StringIO

import time_machine
import yaml
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from tests.api.conftest import World, approved

Bearer = Callable[..., APIClient]
PREFIX = "/api/v1/"
READS_ANEW = {"audit/verify/"}
"""A short trail is read whenever this is asked, and the answer says when that was."""


def reads() -> Iterator[str]:
    """Every path of the schema that answers GET with JSON; files and the stream are no objects to be asked for again."""
    out = StringIO()
    call_command("spectacular", stdout=out)
    for path, operations in yaml.safe_load(out.getvalue())["paths"].items():
        answers = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if "application/json" in answers:
            yield path.removeprefix(PREFIX)


def test_every_object_and_list_is_not_sent_twice_to_who_has_it(world: World, bearer: Bearer) -> None:
    approved(world)
    client = bearer(world.auditor)
    asked = []
    with time_machine.travel(timezone.now(), tick=False):  # some answers name the moment they are of
        for path in reads():
            url = _addressed(client, path)
            if url is None or path in READS_ANEW:
                continue
            first = client.get(url)
            assert first.status_code == 200, (url, first.content[:300])
            assert first.headers.get("ETag"), url
            again = client.get(url, headers={"if-none-match": first.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b""), url
            asked.append(path)
    assert {
        "rollouts/",
        "rollouts/{id}/",
        "services/{id}/traffic/",
        "overview/",
        "calendar/",
        "audit/{seq}/",
    } <= {*asked}
    assert len(asked) > 30


def _addressed(client: APIClient, path: str) -> str | None:
    """Put the number of the first row of the noun in, None when there is no row."""
    if (key := re.search(r"\{(\w+)\}", path)) is None:
        return PREFIX + path
    rows = client.get(PREFIX + path[: key.start()]).json()["results"]
    return f"{PREFIX}{path[: key.start()]}{rows[0][key[1]]}{path[key.end() :]}" if rows else None
