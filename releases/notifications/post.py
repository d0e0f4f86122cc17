"""The one place that posts to somebody's webhook. It follows no redirect: a signed message goes where it was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests
from django.conf import settings

from istio.sentence import Sentence


class DeliveryError(Exception):
    """A message did not arrive; why is a Sentence, for the reader's language. ``is_final`` when trying again cannot help."""

    def __init__(self, message: Sentence, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


def post_json(url: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Any:
    """Post a value as JSON and return the answer's JSON, or its text. Raises DeliveryError."""
    return post(url, json.dumps(body, ensure_ascii=False).encode(), headers=headers)


def post(url: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Any:
    """Post bytes that are JSON and return the answer's JSON, or its text. Raises DeliveryError, final for most 4xx."""
    try:
        answer = requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
            timeout=settings.NOTIFICATION_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise DeliveryError(
            Sentence("{error}: no answer from {host}.", error=type(error).__name__, host=_host(url))
        ) from error
    if not 200 <= answer.status_code < 300:
        is_final = 300 <= answer.status_code < 500 and answer.status_code not in {408, 425, 429}
        said = Sentence("{host} answered {status}.", host=_host(url), status=answer.status_code)
        raise DeliveryError(said, is_final=is_final)
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _host(url: str) -> str:
    """The part of a webhook's address that is no secret: path and query often are."""
    return url.split("://", 1)[-1].split("/", 1)[0].split("?", 1)[0].rsplit("@", 1)[-1]
