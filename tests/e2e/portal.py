"""What happens elsewhere while somebody looks at a page: the acts of others, through the public API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

import httpx

_SECONDS = 15.0
_POLL_SECONDS = 0.2

Json = dict[str, Any]


class Portal:
    """The API as any account of the lab may use it."""

    def __init__(self, facts: Json) -> None:
        self._tokens = {name: account["token"] for name, account in facts["accounts"].items()}
        self._client = httpx.Client(base_url=f"{facts['portal']}/api/v1/", timeout=_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Json:
        """Read as the auditor, who may read everything."""
        return self._answer("GET", path, by="auditor", params=query)

    def post(self, path: str, *, by: str, **body: Any) -> Json:
        """Act as an account. Raises AssertionError with the refusal."""
        return self._answer("POST", path, by=by, json=body)

    def patch(self, path: str, *, by: str, **body: Any) -> Json:
        """Change something as an account. Raises AssertionError with the refusal."""
        return self._answer("PATCH", path, by=by, json=body)

    def delete(self, path: str, *, by: str) -> None:
        """Remove something as an account. Raises AssertionError with the refusal."""
        self._answer("DELETE", path, by=by)

    def plan(self, name: str, *, steps: list[tuple[int, int]], gate: str = "auto") -> str:
        """Make sure that there is a plan of (weight, seconds of bake), measured every second; return its name."""
        if not self.get("plans/", name=name)["results"]:
            self.post(
                "plans/",
                by="requester",
                name=name,
                steps=[{"weight": weight, "bake_seconds": bake, "gate": gate} for weight, bake in steps],
                evidence={"policy": "guard", "interval_seconds": 1, "wait_limit_seconds": 120},
            )
        return name

    def ask(self, service: str, *, plan: str, reason: str = "Faster pages.") -> Json:
        """Ask for a release of the version that is not stable, as the requester; return it submitted."""
        draft = self.draft(service, plan=plan, reason=reason)
        return self.post(f"rollouts/{draft['id']}/submit/", by="requester")

    def draft(self, service: str, *, plan: str, reason: str = "Faster pages.") -> Json:
        """Write a request down, as the requester, and leave it a draft."""
        stable = self.stable(service)
        return self.post(
            "rollouts/",
            by="requester",
            service=service,
            candidate=self.candidate(service),
            plan=plan,
            reason=reason,
            impact="Everybody who shops.",
            test_evidence="All suites passed on the same image.",
            rollback_note=f"All traffic back to {stable}; no data was changed.",
        )

    def stable(self, service: str) -> str:
        """Return the version that has the traffic when nothing is going on: an earlier story may have changed it."""
        name: str = self.get("services/", name=service)["results"][0]["stable"]["name"]
        return name

    def candidate(self, service: str) -> str:
        """Return the other one of v1 and v2."""
        return "v2" if self.stable(service) == "v1" else "v1"

    def approve(self, rollout: Json) -> Json:
        """Approve it as the approver, for the fingerprint it has."""
        path = f"rollouts/{rollout['id']}/approve/"
        return self.post(path, by="approver", fingerprint=rollout["fingerprint"], reason="Read it.")

    def until(self, rollout: Json, *, states: set[str], seconds: float) -> Json:
        """Wait until the rollout is in one of the states; return it. Raises AssertionError."""
        return self._until(rollout, lambda now: now["state"] in states, seconds=seconds)

    def until_step(self, rollout: Json, *, step: int, seconds: float) -> Json:
        """Wait until the traffic of a step, counted from 0, is on the mesh; return the rollout. Raises AssertionError."""
        return self._until(rollout, lambda now: now["current_step"] == step, seconds=seconds)

    def until_waiting(self, rollout: Json, *, code: str, after_seconds: float, seconds: float) -> Json:
        """Let some seconds pass, and wait until it says this reason then; return it. Raises AssertionError."""
        earliest = time.monotonic() + after_seconds
        return self._until(
            rollout,
            lambda now: now["reason_code"] == code and time.monotonic() >= earliest,
            seconds=after_seconds + seconds,
        )

    def _until(self, rollout: Json, holds: Callable[[Json], bool], *, seconds: float) -> Json:
        deadline = time.monotonic() + seconds
        while not holds(now := self.get(f"rollouts/{rollout['id']}/")):
            assert time.monotonic() < deadline, f"{now['number']} is {now['state']}: {now['why']}"
            time.sleep(_POLL_SECONDS)
        return now

    def end(self, rollout: Json) -> None:
        """Leave no live rollout behind, whatever the story came to."""
        now = self.get(f"rollouts/{rollout['id']}/")
        ways = {"pending": "withdraw", "approved": "cancel", "draft": "cancel"}
        while now["state"] in ways:
            now = self.post(f"rollouts/{now['id']}/{ways[now['state']]}/", by="requester", reason="Over.")
        if now["state"] in {"running", "paused"}:
            self.post(f"rollouts/{now['id']}/rollback/", by="operator", reason="Over.")
            self.until(now, states={"rolled_back"}, seconds=30)

    def _answer(self, method: str, path: str, *, by: str, **request: Any) -> Json:
        headers = {"authorization": f"Bearer {self._tokens[by]}", "accept-language": "en"}
        response = self._client.request(method, path, headers=headers, **request)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        answer: Json = response.json() if response.content else {}
        return answer
