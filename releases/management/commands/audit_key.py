"""Make a key for signed heads, or show the public half of the configured one."""

from __future__ import annotations

import base64
from argparse import ArgumentParser
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management.base import BaseCommand, CommandError

from releases.flow.kept_heads import signing_public_key


class Command(BaseCommand):
    help = "Show the public key of WEIR_AUDIT_SIGNING_KEY; with --new, make a key and print both halves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new", action="store_true", help="make a key; nothing is stored")

    def handle(self, *_args: object, new: bool, **_options: Any) -> None:
        if new:
            private = Ed25519PrivateKey.generate()
            self.stdout.write(
                f"WEIR_AUDIT_SIGNING_KEY={base64.b64encode(private.private_bytes_raw()).decode()}"
            )
            public = private.public_key().public_bytes_raw()
        else:
            public = signing_public_key()
        if not public:
            raise CommandError("No signing key is set: WEIR_AUDIT_SIGNING_KEY (make one with --new).")
        self.stdout.write(f"public key: {base64.b64encode(public).decode()}")
