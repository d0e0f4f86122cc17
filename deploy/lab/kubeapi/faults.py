"""Provoked failures, so that tests meet 409, 429, 500, slow and lost answers from a real server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from deploy.lab.kubeapi.failures import ApiFailure, bad_request

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to the next ``times`` requests that match.

    ``verb`` is a Kubernetes verb, an HTTP method or ``*``. ``delay_seconds`` comes first, then ``drop`` (the
    connection is cut without an answer) or ``status``. ``when`` is ``before`` (the request has no effect
    unless it is only delayed) or ``after`` (it is carried out and only its answer is delayed, lost or
    replaced).
    """

    verb: str = "*"
    path_prefix: str = "/"
    status: int | None = None
    delay_seconds: float = 0.0
    drop: bool = False
    when: str = "before"
    retry_after_seconds: int | None = None
    times: int = 1

    @classmethod
    def read(cls, raw: Any) -> Fault:
        """Return the fault that a body describes. Raises ApiFailure 400."""
        if not isinstance(raw, dict):
            raise bad_request("a fault is one JSON object")
        try:
            fault = cls(**raw)
        except TypeError as error:
            raise bad_request(f"not a fault: {error}") from error
        if fault.when not in {"before", "after"} or fault.times < 1 or fault.delay_seconds < 0:
            raise bad_request("when is 'before' or 'after', times at least 1, delay_seconds not negative")
        if fault.status is None and not fault.drop and not fault.delay_seconds:
            raise bad_request("a fault has a status, a delay_seconds or drop")
        return fault

    def matches(self, *, verb: str, method: str, path: str) -> bool:
        """Say whether a request is meant."""
        return self.verb in {"*", verb, method} and path.startswith(self.path_prefix)

    def failure(self) -> ApiFailure | None:
        """Return the refusal to answer with, if the fault is one."""
        if self.status is None:
            return None
        reason = _REASONS.get(self.status, "InternalError")
        details = {} if self.retry_after_seconds is None else {"retryAfterSeconds": self.retry_after_seconds}
        return ApiFailure(self.status, reason, "provoked by the lab's fault hook", details=details)


class Faults:
    """The faults that are waiting, in the order they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait for its requests."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget every fault."""
        self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """Return what has not happened yet."""
        return list(self._waiting)

    def take(self, *, verb: str, method: str, path: str) -> Fault | None:
        """Return the fault for this request, counting it down, or None."""
        for place, fault in enumerate(self._waiting):
            if fault.matches(verb=verb, method=method, path=path):
                if fault.times == 1:
                    del self._waiting[place]
                else:
                    self._waiting[place] = replace(fault, times=fault.times - 1)
                return fault
        return None
