"""Make the first two user administrators, who then give every other role between them."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.domain import DomainError
from releases.domain.actor import Actor, Channel
from releases.models import User


class Command(BaseCommand):
    help = "Make two accounts user administrators, while there are not two who could agree on a third."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("users", nargs=2, metavar="USER", help="user name of an account that is there")

    def handle(self, *_args: object, users: list[str], **_options: object) -> None:
        found = {user.username: user for user in User.objects.filter(username__in=users)}
        if unknown := [name for name in users if name not in found]:
            raise CommandError(f"There is no account {unknown[0]!r}; make it with createsuperuser.")
        by = Actor(name=f"cli:{getpass.getuser()}", channel=Channel.CLI)
        try:
            flow.appoint_administrators([found[name] for name in users], by=by)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"User administrators: {', '.join(users)}.")
