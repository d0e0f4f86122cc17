"""Cause one event of a rollout from a shell, in the name of somebody whose role allows it. Votes are not given here."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from istio.mesh import MeshError
from releases import flow
from releases.domain import DomainError
from releases.domain.actor import Actor, Channel
from releases.domain.states import OPERATOR_EVENTS, Event
from releases.models import Rollout, User

EVENTS = {event.slug: event for event in OPERATOR_EVENTS if event is not Event.EDIT}


class Command(BaseCommand):
    help = "Pause, resume, start … a rollout in somebody's name: the role is asked as everywhere, the trail names both."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("event", choices=sorted(EVENTS), help="what shall happen")
        parser.add_argument("rollout", help="its number, R-12 or 12")
        parser.add_argument("--as", required=True, dest="user", help="user name whose roles allow it")
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument("--weight", type=int, help="percent for the candidate, with set-weight")

    def handle(self, *_args: object, event: str, rollout: str, user: str, **options: Any) -> None:
        account = User.objects.filter(username=user).first()
        if account is None:
            raise CommandError(f"There is no account {user!r}.")
        number = rollout.upper().removeprefix("R-")
        row = Rollout.objects.filter(pk=int(number)).first() if number.isdecimal() else None
        if row is None:
            raise CommandError(f"There is no rollout {rollout!r}.")
        by = Actor(
            name=f"cli:{getpass.getuser()}",
            channel=Channel.CLI,
            user_id=account.pk,
            on_behalf_of=account.get_username(),
        )
        weight = {} if options["weight"] is None else {"weight": options["weight"]}
        try:
            done = flow.perform(row, EVENTS[event], by=by, why=options["reason"], **weight)
        except (DomainError, MeshError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{done}: {done.state}.")
