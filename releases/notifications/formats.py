"""How each platform wants a message: address, headers, body, signature, and what its answer means.

Sources: the Standard Webhooks specification (webhook-id, webhook-timestamp, webhook-signature); the custom robots' pages of
Feishu ("timestamp\\nsecret" is the key, the message is empty), DingTalk (milliseconds; the key is the secret, sign in the query) and
WeCom (no signature, Markdown of at most 4,096 bytes); Slack's incoming webhooks (Block Kit, answers ``ok``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from istio.sentence import Sentence
from releases.notifications.message import Message
from releases.notifications.post import DeliveryError

WECOM_BYTES = 4096
SLACK_CHARACTERS = 3000
_BAD_SECRETS_AND_TEXTS = frozenset({310000, 19021, 19024, 93000, 300001})


@dataclass(frozen=True, slots=True)
class Posting:
    """One HTTP POST."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def webhook(message: Message, *, url: str, secret: str, id_: str, seconds: int) -> Posting:
    """Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``; a ``whsec_`` secret is base64."""
    body = json.dumps(
        {"type": f"{message.about}.{message.kind}", "data": message.public()}, ensure_ascii=False
    ).encode()
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signature = _hmac(key, f"{id_}.{seconds}.".encode() + body)
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
    return Posting(url=url, body=body, headers=headers)


def feishu(message: Message, *, url: str, secret: str, id_: str, seconds: int) -> Posting:
    colour = "red" if message.kind in {"rolled_back", "emergency", "review_overdue"} else "blue"
    button = {
        "tag": "button",
        "text": {"tag": "plain_text", "content": message.label},
        "type": "primary",
        "url": message.url,
    }
    body: dict[str, Any] = {
        "msg_type": "interactive",
        "card": {
            "header": {"title": {"tag": "plain_text", "content": message.title}, "template": colour},
            "elements": [
                {"tag": "markdown", "content": _markdown(message, bold=False)},
                {"tag": "action", "actions": [button]},
            ],
        },
    }
    if secret:
        body |= {"timestamp": str(seconds), "sign": _hmac(f"{seconds}\n{secret}".encode(), b"")}
    return Posting(url=url, body=_json(body))


def dingtalk(message: Message, *, url: str, secret: str, id_: str, seconds: int) -> Posting:
    if secret:
        milliseconds = seconds * 1000
        sign = _hmac(secret.encode(), f"{milliseconds}\n{secret}".encode())
        url += ("&" if "?" in url else "?") + urlencode({"timestamp": milliseconds, "sign": sign})
    text = f"{_markdown(message)}\n\n[{message.url}]({message.url})"
    return Posting(
        url=url, body=_json({"msgtype": "markdown", "markdown": {"title": message.title, "text": text}})
    )


def wecom(message: Message, *, url: str, secret: str, id_: str, seconds: int) -> Posting:
    link = f"\n[{message.url}]({message.url})"
    room = WECOM_BYTES - len(link.encode())
    text = _markdown(message).encode()[:room].decode(errors="ignore") + link
    return Posting(url=url, body=_json({"msgtype": "markdown", "markdown": {"content": text}}))


def slack(message: Message, *, url: str, secret: str, id_: str, seconds: int) -> Posting:
    text = f"*{_slack(message.title)}*\n{_slack(_said(message))}"
    # A text object may hold 3,000 characters; the link must survive the cut.
    section = f"{text[: SLACK_CHARACTERS - len(message.url) - 20]}\n<{message.url}|{message.label}>"
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": section}}]
    return Posting(url=url, body=_json({"text": message.title, "blocks": blocks}))


FORMATS: Mapping[str, Callable[..., Posting]] = {
    "webhook": webhook,
    "feishu": feishu,
    "dingtalk": dingtalk,
    "wecom": wecom,
    "slack": slack,
}


def check_answer(kind: str, answer: Any) -> None:
    """Raise DeliveryError when a platform answers 200 and means no: final where the message or the secret is at fault."""
    if kind in {"feishu", "dingtalk", "wecom"}:
        found = answer if isinstance(answer, dict) else {}
        code = next((found[name] for name in ("code", "errcode", "StatusCode") if name in found), None)
        if code != 0:
            given = found.get("msg") or found.get("errmsg")
            said = str(given) if given else Sentence("an answer that is no JSON")
            why = Sentence("{platform} answered {code}: {said}", platform=kind, code=str(code), said=said)
            raise DeliveryError(why, is_final=code in _BAD_SECRETS_AND_TEXTS)
    if kind == "slack" and answer != "ok":
        raise DeliveryError(Sentence("{platform} answered {answer}.", platform=kind, answer=repr(answer)))


def _said(message: Message) -> str:
    people = "@ " + ", ".join(message.people) if message.people else ""
    return "\n".join(part for part in (message.text, people) if part)


def _markdown(message: Message, *, bold: bool = True) -> str:
    body = _said(message).replace("\n", "\n\n")
    return f"**{message.title}**\n\n{body}" if bold else body


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _hmac(key: bytes, data: bytes) -> str:
    return base64.b64encode(hmac.new(key, data, hashlib.sha256).digest()).decode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
