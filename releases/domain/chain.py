"""Signing the head of the audit chain. What is verified, and how, stands in ``verifier.py``, which auditors get as it is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from istio.sentence import Sentence
from releases.domain.errors import DomainError
from releases.domain.verifier import head_message, key_id_of


class BadKey(DomainError):
    """The signing key of the audit heads can not be read."""

    code = "bad_key"


@dataclass(frozen=True, slots=True)
class HeadSigner:
    """An Ed25519 key that signs heads."""

    private: Ed25519PrivateKey

    @classmethod
    def from_base64(cls, text: str) -> HeadSigner:
        """Read the base64 of the 32 bytes of a private key. Raises BadKey."""
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True)))
        except ValueError as error:
            raise BadKey(Sentence("The audit signing key is not the base64 of 32 bytes.")) from error

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        return key_id_of(self.public)

    def sign(self, *, seq: int, hash_: str, at: datetime) -> str:
        """Return the base64 of the signature over this head."""
        message = head_message(seq=seq, hash_=hash_, at=at.isoformat(timespec="microseconds"))
        return base64.b64encode(self.private.sign(message)).decode()
