"""Weir's REST API as one account sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx

from deploy.lab.errors import LabError

Json = dict[str, Any]

_SECONDS = 15.0


class StoryError(LabError):
    """The story did not go as it should. ``str()`` says what was expected and what happened."""


class Weir:
    """A client for one token, for as long as the context lasts."""

    def __init__(self, portal: str, *, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{portal}/api/v1/",
            headers={"authorization": f"Bearer {token}", "accept-language": "en"},
            timeout=_SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str, **query: str) -> Any:
        """Return the answer to a GET. Raises StoryError."""
        return await self._answer("GET", path, params=query)

    async def rows(self, path: str, **query: str) -> list[Json]:
        """Return the first page of a list. Raises StoryError."""
        answer = await self.get(path, **query)
        found: list[Json] = answer["results"] if isinstance(answer, dict) else answer
        return found

    async def post(self, path: str, **body: Any) -> Json:
        """Return the answer to a POST. Raises StoryError."""
        answer: Json = await self._answer("POST", path, json=body)
        return answer

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            answer = await self._client.request(method, path, params=params, json=json)
        except httpx.TransportError as error:
            raise StoryError(f"{method} {path}: Weir does not answer ({error!r}).") from error
        if answer.is_error:
            raise StoryError(f"{method} {path}: Weir says {answer.status_code} {_detail(answer)}")
        return answer.json()


def _detail(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:300]
    reasons = [str(item["detail"]) for item in body.get("errors", [])] if isinstance(body, dict) else []
    return "; ".join(reasons) or str(body)
