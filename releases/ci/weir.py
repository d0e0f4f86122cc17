"""Weir for CI: register a version, ask for a rollout, wait for its end. One file, nothing but Python's standard library.

Run it as ``python manage.py weir``, or copy it into a pipeline and run it as ``python weir.py``. It speaks the REST API as the
person whose token is in ``WEIR_TOKEN``, and ends with 0: completed, 1: rolled back, rejected or otherwise not released, 2: an error,
a time-out among them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

Json = dict[str, Any]

COMPLETED, NOT_RELEASED, FAILED = 0, 1, 2
GOOD_ENDS = {"completed"}
BAD_ENDS = {"rolled_back", "rejected", "cancelled", "expired", "reverted"}
TIMEOUT_SECONDS = 20.0
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Between the tries of one request; what failed for good (4xx) is not tried again."""
WORTH_ANOTHER_TRY = {429, 500, 502, 503, 504}
POLL_SECONDS = 2.0
BAR_CELLS = 30

TEXTS = {
    "no_url": ("Say where Weir is: --url or WEIR_URL.", "请用 --url 或 WEIR_URL 指明 Weir 的地址。"),
    "no_token": ("Put an API token into WEIR_TOKEN.", "请把 API 令牌放入环境变量 WEIR_TOKEN。"),
    "unreachable": ("{method} {path}: Weir does not answer ({why}).", "{method} {path}：Weir 没有应答（{why}）。"),
    "refused": ("{method} {path}: {status}: {why}", "{method} {path}：{status}：{why}"),
    "no_service": ("There is no service {name}.", "没有名为 {name} 的服务。"),
    "several": (
        "Several services are called {name}; write CLUSTER/NAMESPACE/NAME: {found}.",
        "有多个名为 {name} 的服务，请写成 集群/命名空间/名称：{found}。",
    ),
    "no_version": ("Service {service} has no version {name}.", "服务 {service} 没有版本 {name}。"),
    "no_plan": ("There is no plan {name}.", "没有名为 {name} 的发布计划。"),
    "registered": ("registered: {service} {name} ({image})", "已登记：{service} {name}（{image}）"),
    "requested": ("{number}: {service} {stable} -> {candidate}, {url}", "{number}：{service} {stable} -> {candidate}，{url}"),
    "late": ("{number} had not ended after {seconds:g} s.", "{number} 在 {seconds:g} 秒后仍未结束。"),
}  # fmt: skip


class ClientError(Exception):
    """What was asked cannot be done; ``str()`` says why in a sentence."""


def say(key: str, **values: object) -> str:
    """Return a sentence in the language of the terminal (``LC_ALL``, ``LC_MESSAGES``, ``LANG``)."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return TEXTS[key][spoken.lower().startswith("zh")].format(**values)


@dataclass(frozen=True, slots=True)
class Weir:
    """The REST API as one person sees it."""

    url: str
    token: str
    sleep: Callable[[float], None] = time.sleep

    def get(self, path: str, **query: object) -> Any:
        """Return the answer. Raises ClientError."""
        return self._ask("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Return the answer. It is done once, however often it is sent. Raises ClientError."""
        answer: Json = self._ask("POST", path, body=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        return answer

    def find(self, path: str, **query: object) -> list[Json]:
        """Return every row of a list. Raises ClientError."""
        rows: list[Json] = []
        page = self.get(path, **query)
        while True:
            rows += page["results"]
            if not page["next"]:
                return rows
            page = self.get(path, **dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page["next"]).query)))

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        language = "zh-hans" if say("no_plan", name="").startswith("没有") else "en"
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own
            f"{self.url.rstrip('/')}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/json",
                "Accept-Language": language,
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        for pause in (*PAUSES_SECONDS, None):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if pause is None or error.code not in WORTH_ANOTHER_TRY:
                    why = _reasons(error.read())
                    raise ClientError(
                        say("refused", method=method, path=path, status=error.code, why=why)
                    ) from error
            except (OSError, ValueError) as error:  # no connection, a time-out, an answer that is no JSON
                if pause is None:
                    raise ClientError(say("unreachable", method=method, path=path, why=error)) from error
            self.sleep(pause)
        raise AssertionError("the last try returns or raises")


def _reasons(body: bytes) -> str:
    try:
        answer = json.loads(body)
        reasons = [f"{item.get('attr') or ''} {item['detail']}".strip() for item in answer.get("errors", [])]
        return " ".join(reasons) or str(answer["detail"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return body[:300].decode(errors="replace")


def service_named(weir: Weir, name: str) -> Json:
    """Return the service of ``NAME``, ``NAMESPACE/NAME`` or ``CLUSTER/NAMESPACE/NAME``. Raises ClientError."""
    rows = weir.find("services/")

    def full(row: Json) -> str:
        cluster = row["cluster"]["name"] if isinstance(row["cluster"], dict) else row["cluster"]
        return f"{cluster}/{row['namespace']}/{row['name']}"

    found = [row for row in rows if f"/{full(row)}".endswith(f"/{name}")]
    if not found:
        raise ClientError(say("no_service", name=name))
    if len(found) > 1:
        raise ClientError(say("several", name=name, found=", ".join(map(full, found))))
    return found[0]


def register(weir: Weir, given: argparse.Namespace, *, out: TextIO) -> int:
    """Register the version that was just built."""
    service = service_named(weir, given.service)
    body = {"service": service["id"], "name": given.version, "image": given.image}
    body |= {name: value for name in ("commit", "notes_url") if (value := getattr(given, name))}
    version = weir.post("versions/", body)
    print(say("registered", service=service["name"], name=version["name"], image=version["image"]), file=out)
    return COMPLETED


def request(weir: Weir, given: argparse.Namespace, *, out: TextIO) -> int:
    """Ask for a rollout and submit it; with ``--wait`` follow it to its end."""
    service = service_named(weir, given.service)
    versions = weir.find("versions/", service=service["id"], name=given.version)
    if not versions:
        raise ClientError(say("no_version", service=service["name"], name=given.version))
    plans = [row for row in weir.find("plans/") if row["name"] == given.plan]
    if not plans:
        raise ClientError(say("no_plan", name=given.plan))
    body = {"service": service["id"], "candidate": versions[0]["id"], "plan": plans[0]["id"]}
    words = ("reason", "impact", "test_evidence", "rollback_note", "ticket", "start_at")
    rollout = weir.post(
        "rollouts/", body | {word: value for word in words if (value := getattr(given, word))}
    )
    if not given.draft:
        rollout = weir.post(f"rollouts/{rollout['id']}/submit/", {"reason": given.reason})
    names = {"stable": rollout["stable"]["name"], "candidate": rollout["candidate"]["name"]}
    url = f"{weir.url.rstrip('/')}/rollouts/{rollout['id']}"
    print(say("requested", number=rollout["number"], service=service["name"], url=url, **names), file=out)
    return follow(weir, rollout["id"], seconds=given.timeout, out=out) if given.wait else COMPLETED


def wait(weir: Weir, given: argparse.Namespace, *, out: TextIO) -> int:
    """Follow a rollout to its end."""
    return follow(weir, int(str(given.rollout).upper().removeprefix("R-")), seconds=given.timeout, out=out)


def follow(weir: Weir, rollout: int, *, seconds: float, out: TextIO) -> int:
    """Show how it goes until it ends: one moving line on a terminal, one line per change in a log. Raises ClientError when late."""
    deadline = time.monotonic() + seconds if seconds else None
    shown = ""
    while True:
        now = weir.get(f"rollouts/{rollout}/")
        line = progress_line(now)
        if out.isatty():
            out.write(f"\r\x1b[K{line[: _columns() - 1]}")
            out.flush()
        elif line != shown:
            print(line, file=out, flush=True)
        shown = line
        if now["state"] in GOOD_ENDS | BAD_ENDS:
            if out.isatty():
                out.write("\n")
            return COMPLETED if now["state"] in GOOD_ENDS else NOT_RELEASED
        if deadline is not None and time.monotonic() > deadline:
            raise ClientError(say("late", number=now["number"], seconds=seconds))
        weir.sleep(POLL_SECONDS)


def progress_line(rollout: Json) -> str:
    """Return number, bar, weight, step and why it is where it is, in one line."""
    written = [step["written"] for step in rollout["steps"] if step["written"] is not None]
    weight = (
        0 if rollout["state"] in BAD_ENDS else 100 if rollout["state"] in GOOD_ENDS else (written or [0])[-1]
    )
    full = round(BAR_CELLS * weight / 100)
    step = (
        "" if rollout["current_step"] is None else f" {rollout['current_step'] + 1}/{len(rollout['steps'])}"
    )
    bar = "#" * full + "-" * (BAR_CELLS - full)
    return f"{rollout['number']} [{bar}] {weight:3.0f} %{step} {rollout['state_label']}: {rollout['why']}"


def _columns() -> int:
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 120


def parser(prog: str) -> argparse.ArgumentParser:
    """Return what reads the command line."""
    main = argparse.ArgumentParser(prog=prog, description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    main.add_argument("--url", default=os.environ.get("WEIR_URL", ""), help="where Weir is (WEIR_URL)")
    verbs = main.add_subparsers(dest="verb", required=True)

    verb = verbs.add_parser("register", help="register the version that was just built")
    verb.add_argument("service", help="NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME")
    verb.add_argument("version", help="such as v2")
    verb.add_argument("--image", required=True)
    verb.add_argument("--commit", default="")
    verb.add_argument("--notes-url", default="")
    verb.set_defaults(do=register)

    verb = verbs.add_parser("request", help="ask for a rollout of a registered version")
    verb.add_argument("service", help="NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME")
    verb.add_argument("version")
    verb.add_argument("--plan", required=True, help="the plan's name")
    for word in ("reason", "impact", "test-evidence", "rollback-note"):
        verb.add_argument(f"--{word}", required=True)
    verb.add_argument("--ticket", default="")
    verb.add_argument(
        "--start-at", default="", help="ISO 8601 with an offset; at once after approval by default"
    )
    verb.add_argument("--draft", action="store_true", help="leave it to a person to submit it")
    verb.add_argument("--wait", action="store_true", help="follow it to its end")
    verb.add_argument("--timeout", type=float, default=0, help="seconds; 0: as long as it takes")
    verb.set_defaults(do=request)

    verb = verbs.add_parser("wait", help="follow a rollout to its end")
    verb.add_argument("rollout", help="such as R-7")
    verb.add_argument("--timeout", type=float, default=0, help="seconds; 0: as long as it takes")
    verb.set_defaults(do=wait)
    return main


def main(arguments: Sequence[str], *, prog: str = "weir", out: TextIO | None = None) -> int:
    """Do what the command line says and return the exit code."""
    given = parser(prog).parse_args(arguments)
    token = os.environ.get("WEIR_TOKEN", "")
    if not given.url or not token:
        return _failed(say("no_token" if given.url else "no_url"))
    try:
        code: int = given.do(Weir(given.url, token), given, out=out or sys.stdout)
    except ClientError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return FAILED
    return code


def _failed(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
