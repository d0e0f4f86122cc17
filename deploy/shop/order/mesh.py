"""How order reaches the other services: through the mesh, by Host, so that the traffic split applies."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

TIMEOUT_SECONDS = 5.0
PASSED_ON = ("x-user-id", "x-variant", "x-request-id")


class ServiceError(Exception):
    """A service did not answer, or answered with a 5xx."""


class MeshClient:
    """Calls services by name, through the gateway at ``mesh_url`` or, if it is empty, directly."""

    def __init__(self, mesh_url: str, *, headers: Mapping[str, str]) -> None:
        self._mesh_url = mesh_url
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS,
            headers=dict(headers),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
            trust_env=False,  # a proxy of the environment would bypass the mesh
        )

    async def call(
        self,
        method: str,
        service: str,
        path: str,
        *,
        passed_on: Mapping[str, str],
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        """Send one request to a service. Raises ServiceError."""
        base = self._mesh_url or f"http://{service}:8080"
        try:
            answer = await self._client.request(
                method,
                base + path,
                headers={**passed_on, "host": service},
                json=None if body is None else dict(body),
            )
        except httpx.HTTPError as error:
            raise ServiceError(f"{service} did not answer.") from error
        if answer.is_server_error:
            raise ServiceError(f"{service} answered {answer.status_code}.")
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
