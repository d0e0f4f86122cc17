"""Roll a service back without broker, worker or web: the row is moved and the mesh is written from here."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.domain import DomainError
from releases.domain.actor import Actor, Channel
from releases.domain.states import Event, State
from releases.models import Rollout


class Command(BaseCommand):
    help = "Give all traffic of a service back to its stable version, now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service")
        parser.add_argument("--reason", default="rolled back from the command line")

    def handle(self, *_args: object, service: str, reason: str, **_options: Any) -> None:
        live = Rollout.objects.filter(
            service__name=service, state__in=[State.RUNNING, State.PAUSED, State.ROLLING_BACK]
        ).first()
        if live is None:
            raise CommandError(f"Service {service} has no rollout that carries traffic.")
        try:
            done = flow.perform(
                live,
                Event.ROLL_BACK,
                by=Actor(name=f"cli:{getpass.getuser()}", channel=Channel.CLI),
                why=reason,
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        if done.state != State.ROLLED_BACK:
            raise CommandError(
                f"{done}: the mesh did not answer within 3 s; the worker goes on trying. State: {done.state}."
            )
        self.stdout.write(f"{done}: all traffic of {service} is on {done.stable.name}.")
