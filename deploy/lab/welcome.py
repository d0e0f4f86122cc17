"""What ``up`` says when everything is ready: where to look, who to be, what to click first."""

from __future__ import annotations

from typing import Any

from deploy.lab.folder import LabFolder

_NOTE = "The lab is for demonstrations and tests. It listens on 127.0.0.1 only. 演示环境，仅监听本机。"


def welcome(folder: LabFolder, *, lab: dict[str, Any]) -> str:
    """Return the text, in English and Chinese."""
    addresses = [
        ("shop", f"{lab['mesh']}  (curl -H 'Host: product' {lab['mesh']}/products)"),
        ("prometheus", lab["prometheus"]),
        ("kubernetes", f"KUBECONFIG={lab['kubeconfig']} kubectl -n shop get virtualservices"),
        ("request log", lab["writes"]),
        ("state", str(folder.lab_json)),
    ]
    if not lab["portal"]:
        return _block([_NOTE, "", *_rows(addresses)])
    accounts = [(role, account["password"]) for role, account in lab["accounts"].items()]
    portal = [("dashboard", f"{lab['portal']}/"), ("admin", f"{lab['portal']}/admin/")]
    lines = [
        _NOTE,
        "",
        *_rows(portal + addresses),
        "",
        "Accounts (name, password) / 账号（用户名、密码）",
        *_rows(accounts),
        "",
        "First: open the dashboard as 'requester' and look at product: v1 has all the traffic.",
        "Then ask for a rollout of v2 in the admin, and approve it as 'approver'.",
        f"Or let it play a good and a bad release by itself:  {folder.command('story')}",
        "",
        "第一步：用 requester 登录看板，查看 product：流量全部在 v1。",
        "然后在管理后台为 v2 提交发布单，再用 approver 审批。",
        f"也可以自动演示一次成功的发布和一次失败的发布：{folder.command('story')}",
        "",
        "Ctrl-C ends everything. 按 Ctrl-C 结束全部进程。",
    ]
    return _block(lines)


def _rows(pairs: list[tuple[str, str]]) -> list[str]:
    return [f"  {name:<16} {value}" for name, value in pairs]


def _block(lines: list[str]) -> str:
    return "\n".join(["", *lines, ""])
