"""Weir for CI: register a version, ask for a rollout, wait for its end. One file, nothing but Python's standard library.

Run it as ``python manage.py weir``, or copy it into a pipeline and run it as ``python weir.py``. It speaks the REST API as the
person whose token is in ``WEIR_TOKEN``, and ends with 0: completed, 1: rolled back, rejected or otherwise not released, 2: anything
else: an error, a time-out, an interruption. Nothing but the end of a rollout may end with 1, which is why ``main`` catches widely.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TextIO

Json = dict[str, Any]

COMPLETED, NOT_RELEASED, FAILED = 0, 1, 2
GOOD_ENDS = {"completed"}
BAD_ENDS = {"rolled_back", "rejected", "cancelled", "expired", "reverted"}
TIMEOUT_SECONDS = 20.0
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Between the tries of one request; what failed for good (4xx) is not tried again."""
AWAY_SECONDS = 900.0
"""So long a portal may be away while a rollout is waited for: it is restarted now and then, and a canary takes days."""
WORTH_ANOTHER_TRY = {429, 500, 502, 503, 504}
STILL_ANSWERING = "idempotency_key_in_use"
POLL_SECONDS = 2.0
BAR_CELLS = 30

TEXTS = {
    "about": (
        "WEIR_URL says where Weir is, WEIR_TOKEN holds an API token with the scopes read and write.",
        "WEIR_URL 是 Weir 的地址，WEIR_TOKEN 是带 read 和 write 范围的 API 令牌。",
    ),
    "exits": (
        "exit codes: 0 completed, 1 rolled back or otherwise not released, 2 an error or a time-out",
        "退出码：0 已完成；1 已回滚或因其他原因未发布；2 出错或超时",
    ),
    "usage": ("usage: ", "用法："),
    "positional arguments": ("arguments", "参数"),
    "options": ("options", "选项"),
    "command": ("COMMAND", "命令"),
    "help": ("show this help and end", "显示本帮助并结束"),
    "url": ("where Weir is (default: WEIR_URL)", "Weir 的地址（默认取 WEIR_URL）"),
    "register": ("register the version that was just built", "登记刚构建的版本"),
    "request": ("ask for a rollout of a registered version", "为已登记的版本申请发布"),
    "wait": ("follow a rollout to its end", "跟踪一个发布单直到结束"),
    "service": ("NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME", "名称、命名空间/名称 或 集群/命名空间/名称"),
    "version": ("such as v2", "例如 v2"),
    "image": ("its image, best with a digest", "镜像，最好带摘要（digest）"),
    "commit": ("the commit it was built from", "构建所用的提交"),
    "notes_url": ("where its release notes are", "版本说明的地址"),
    "plan": ("the plan's name", "发布计划的名称"),
    "reason": ("why it is released", "为什么发布"),
    "impact": ("whom it touches", "影响哪些用户或功能"),
    "test_evidence": ("how it was tested", "测试证明"),
    "rollback_note": ("what a rollback does not bring back", "回滚时还需注意什么"),
    "ticket": ("number or address of the ticket", "工单编号或地址"),
    "start_at": ("ISO 8601 with an offset (default: at once after approval)", "ISO 8601 时间，带时区偏移（默认批准后立即开始）"),
    "draft": ("leave it to a person to submit it", "只建草稿，由人提交"),
    "follow": ("follow it to its end", "一直等到它结束"),
    "timeout": ("seconds; 0: as long as it takes (default)", "秒数；0 表示不限时（默认）"),
    "rollout": ("its number, such as R-7", "发布单编号，例如 R-7"),
    "no_number": ("{text} is no number of a rollout, such as R-7", "{text} 不是发布单编号（例如 R-7）"),
    "no_seconds": ("{text} is no number of seconds from 0 on", "{text} 不是大于等于 0 的秒数"),
    "no_url": (
        "Say where Weir is, with http:// or https://: --url or WEIR_URL.",
        "请用 --url 或 WEIR_URL 指明 Weir 的地址（以 http:// 或 https:// 开头）。",
    ),
    "no_token": ("Put an API token into WEIR_TOKEN.", "请把 API 令牌放入环境变量 WEIR_TOKEN。"),
    "unreachable": ("{method} {path}: Weir does not answer ({why}).", "{method} {path}：Weir 没有应答（{why}）。"),
    "refused": ("{method} {path}: {status}: {why}", "{method} {path}：{status}：{why}"),
    "strange": (
        "Weir's answer is not understood ({why}); is {url} its address?",
        "无法理解 Weir 的应答（{why}）；{url} 是它的地址吗？",
    ),
    "no_service": ("There is no service {name}.", "没有名为 {name} 的服务。"),
    "several": (
        "Several services are called {name}; write CLUSTER/NAMESPACE/NAME: {found}.",
        "有多个名为 {name} 的服务，请写成 集群/命名空间/名称：{found}。",
    ),
    "no_version": ("Service {service} has no version {name}; register it first.", "服务 {service} 没有版本 {name}，请先登记。"),
    "no_plan": ("There is no plan {name}.", "没有名为 {name} 的发布计划。"),
    "no_rollout": ("There is no rollout {number}.", "没有发布单 {number}。"),
    "registered": ("registered: {service} {name} ({image})", "已登记：{service} {name}（{image}）"),
    "requested": ("{number}: {service} {stable} -> {candidate}, {url}", "{number}：{service} {stable} -> {candidate}，{url}"),
    "still_draft": ("{why}\n{number} stays a draft: {url}", "{why}\n{number} 仍是草稿：{url}"),
    "late": (
        "{number} had not ended after {seconds:g} s; it goes on by itself: {url}",
        "{number} 在 {seconds:g} 秒后仍未结束；它会自行继续：{url}",
    ),
    "left": ("Not followed any more; {number} goes on by itself: {url}", "不再跟踪；{number} 会自行继续：{url}"),
    "trying": ("{why} Still trying.", "{why}仍在重试。"),
}  # fmt: skip


class ClientError(Exception):
    """What was asked cannot be done; ``str()`` says why in a sentence. ``status`` is of the HTTP answer, 0 without one."""

    def __init__(self, why: str, *, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class Away(ClientError):
    """Weir, or what stands before it, did not answer now and may do so later."""


def speaks_chinese() -> bool:
    """Ask the terminal's locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG``)."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return spoken.lower().startswith("zh")


def say(key: str, **values: object) -> str:
    """Return a sentence in the language of the terminal."""
    return TEXTS[key][speaks_chinese()].format(**values)


@dataclass(frozen=True, slots=True)
class Weir:
    """The REST API as one person sees it."""

    url: str
    token: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def page_of(self, rollout: int) -> str:
        """Return where a person finds the rollout."""
        return f"{self.url.rstrip('/')}/rollouts/{rollout}"

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
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's own
            f"{self.url.rstrip('/')}/api/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/json",
                "Accept-Language": "zh-hans" if speaks_chinese() else "en",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        for pause in (*PAUSES_SECONDS, None):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                code, why = _refusal(error.read())
                kind = Away if error.code in WORTH_ANOTHER_TRY or code == STILL_ANSWERING else ClientError
                if pause is None or kind is ClientError:
                    said = say("refused", method=method, path=path, status=error.code, why=why)
                    raise kind(said, status=error.code) from error
            except (OSError, ValueError) as error:  # no connection, a time-out, an answer that is no JSON
                if pause is None:
                    raise Away(say("unreachable", method=method, path=path, why=error)) from error
            self.sleep(pause)
        raise AssertionError("the last try returns or raises")


def _refusal(body: bytes) -> tuple[str, str]:
    """Return the code of an error's answer, and what it says: each reason with the field it is about."""
    try:
        answer = json.loads(body)
        reasons = [
            ": ".join(filter(None, (item.get("attr"), item["detail"]))) for item in answer.get("errors", [])
        ]
        return str(answer.get("code")), " ".join(reasons) or str(answer["detail"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return "", body[:300].decode(errors="replace")


def service_named(weir: Weir, name: str) -> Json:
    """Return the service of ``NAME``, ``NAMESPACE/NAME`` or ``CLUSTER/NAMESPACE/NAME``. Raises ClientError."""
    rows = weir.find("services/", name=name.rsplit("/", 1)[-1])

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
    plans = weir.find("plans/", name=given.plan)
    if not plans:
        raise ClientError(say("no_plan", name=given.plan))
    body = {"service": service["id"], "candidate": versions[0]["id"], "plan": plans[0]["id"]}
    words = ("reason", "impact", "test_evidence", "rollback_note", "ticket", "start_at")
    rollout = weir.post(
        "rollouts/", body | {word: value for word in words if (value := getattr(given, word))}
    )
    url = weir.page_of(rollout["id"])
    if not given.draft:
        try:
            rollout = weir.post(f"rollouts/{rollout['id']}/submit/", {"reason": given.reason})
        except ClientError as error:
            raise ClientError(say("still_draft", why=error, number=rollout["number"], url=url)) from error
    names = {"stable": rollout["stable"]["name"], "candidate": rollout["candidate"]["name"]}
    asked = say("requested", number=rollout["number"], service=service["name"], url=url, **names)
    print(asked, file=out, flush=True)
    return follow(weir, rollout["id"], seconds=given.timeout, out=out) if given.wait else COMPLETED


def wait(weir: Weir, given: argparse.Namespace, *, out: TextIO) -> int:
    """Follow a rollout to its end."""
    return follow(weir, given.rollout, seconds=given.timeout, out=out)


def follow(weir: Weir, rollout: int, *, seconds: float, out: TextIO) -> int:
    """Show how it goes until it ends, and return how it ended. Raises ClientError when it is late, gone or left."""
    about: dict[str, object] = {"number": f"R-{rollout}", "url": weir.page_of(rollout)}
    shown = Line(out)
    try:
        state = _end_of(weir, rollout, seconds=seconds, shown=shown)
    except KeyboardInterrupt:
        raise ClientError(say("left", **about)) from None
    except ClientError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise ClientError(say("no_rollout", **about)) from error
        raise
    finally:
        shown.end()
    if state is None:
        raise ClientError(say("late", seconds=seconds, **about))
    return COMPLETED if state in GOOD_ENDS else NOT_RELEASED


def _end_of(weir: Weir, rollout: int, *, seconds: float, shown: Line) -> str | None:
    """Return the state it ended in, None when it had not ended after so many seconds (0: no limit). Raises ClientError."""
    begun = answered = weir.clock()
    while not seconds or weir.clock() - begun <= seconds:
        try:
            now = weir.get(f"rollouts/{rollout}/")
        except Away as error:
            if weir.clock() - answered > AWAY_SECONDS:
                raise
            shown.show(say("trying", why=error))
        else:
            answered = weir.clock()
            shown.show(progress_line(now))
            if now["state"] in GOOD_ENDS | BAD_ENDS:
                return str(now["state"])
        weir.sleep(POLL_SECONDS)
    return None


@dataclass(slots=True)
class Line:
    """What is going on: one line that moves on a terminal, a line for each change in a log."""

    out: TextIO
    shown: str = ""

    def show(self, line: str) -> None:
        if self.out.isatty():
            self.out.write(f"\r\x1b[K{cut(line, columns=_columns() - 1)}")
            self.out.flush()
        elif line != self.shown:
            print(line, file=self.out, flush=True)
        self.shown = line

    def end(self) -> None:
        """Leave the last line standing."""
        if self.shown and self.out.isatty():
            print(file=self.out, flush=True)


def cut(line: str, *, columns: int) -> str:
    """Return as much of the line as fits: a Chinese character is as wide as two letters, and a line that breaks stays behind."""
    used = 0
    for position, character in enumerate(line):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return line[:position]
    return line


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


class Help(argparse.RawDescriptionHelpFormatter):
    """Help whose headings are in the language of the terminal, too."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, say("usage") if prefix is None else prefix)

    def start_section(self, heading: str | None) -> None:
        super().start_section(say(heading) if heading in TEXTS else heading)


def rollout_number(text: str) -> int:
    """Return the id in ``R-7`` or ``7``."""
    digits = text.upper().removeprefix("R-")
    if not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError(say("no_number", text=text))
    return int(digits)


def seconds_of(text: str) -> float:
    """Return a length of time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(say("no_seconds", text=text))
    return seconds


OPTIONS: Mapping[str, Mapping[str, bool]] = {
    "register": {"image": True, "commit": False, "notes-url": False},
    "request": {
        "plan": True, "reason": True, "impact": True, "test-evidence": True, "rollback-note": True,
        "ticket": False, "start-at": False,
    },
    "wait": {},
}  # fmt: skip
"""The words each command takes, and whether it needs them."""


def parser(prog: str) -> argparse.ArgumentParser:
    """Return what reads the command line, in the language of the terminal."""
    looks: dict[str, Any] = {"formatter_class": Help, "epilog": say("exits"), "add_help": False}
    main = argparse.ArgumentParser(prog=prog, description=say("about"), **looks)
    main.set_defaults(do=None)
    main.add_argument("--url", default=os.environ.get("WEIR_URL", ""), help=say("url"))
    commands = main.add_subparsers(metavar=say("command"))
    for do in (register, request, wait):
        name = do.__name__
        command = commands.add_parser(name, help=say(name), description=say(name), **looks)
        command.set_defaults(do=do)
        if do is wait:
            command.add_argument("rollout", type=rollout_number, help=say("rollout"))
        else:
            command.add_argument("service", help=say("service"))
            command.add_argument("version", help=say("version"))
        for word, needed in OPTIONS[name].items():
            command.add_argument(f"--{word}", required=needed, default="", help=say(word.replace("-", "_")))
        if do is request:
            command.add_argument("--draft", action="store_true", help=say("draft"))
            command.add_argument("--wait", action="store_true", help=say("follow"))
        if do is not register:
            command.add_argument("--timeout", type=seconds_of, default=0.0, help=say("timeout"))
        command.add_argument("-h", "--help", action="help", help=say("help"))
    main.add_argument("-h", "--help", action="help", help=say("help"))
    return main


def main(arguments: Sequence[str], *, prog: str = "weir", out: TextIO | None = None) -> int:
    """Do what the command line says and return the exit code."""
    reader = parser(prog)
    given = reader.parse_args(arguments)
    if given.do is None:
        reader.print_help(sys.stderr)
        return FAILED
    token = os.environ.get("WEIR_TOKEN", "")
    if not given.url.startswith(("http://", "https://")):
        return _failed(say("no_url"))
    if not token:
        return _failed(say("no_token"))
    try:
        code: int = given.do(Weir(given.url, token), given, out=out or sys.stdout)
    except ClientError as error:
        return _failed(str(error))
    except (LookupError, TypeError, ValueError, OSError) as error:  # JSON, but none of Weir's; a closed pipe
        return _failed(say("strange", why=repr(error), url=given.url))
    except KeyboardInterrupt:
        return FAILED
    return code


def _failed(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
