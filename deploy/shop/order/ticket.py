"""An order that is its own id. The demo has no database, and the next request may reach the other version."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an order is; ``status`` is ``paid`` or ``payment_declined``. The amount is in cents."""

    number: str
    product_id: str
    quantity: int
    amount_cents: int
    status: str


def as_id(ticket: Ticket) -> str:
    """Pack the order into an id that fits into a path."""
    packed = json.dumps(asdict(ticket), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def from_id(order_id: str) -> Ticket | None:
    """Unpack an id made by :func:`as_id`; None if it was not."""
    try:
        packed = base64.urlsafe_b64decode(order_id + "=" * (-len(order_id) % 4))
        return Ticket(**json.loads(packed))
    except (binascii.Error, ValueError, TypeError):
        return None
