"""Fill the lab's portal: accounts that are roles, the shop's services and versions, three plans. For the lab only."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError

from releases import flow
from releases.clock import database_now
from releases.domain.actor import Actor, Channel
from releases.domain.roles import RoleName
from releases.flow.discover import discover_services
from releases.models import Role, RolloutPlan, User
from services.models import Cluster, Policy, Service

ACCOUNTS: dict[str, tuple[str, list[RoleName], list[str]]] = {
    "requester": ("Requester", [RoleName.REQUESTER], ["read", "write"]),
    "approver": ("Approver", [RoleName.APPROVER], ["read", "write", "approve"]),
    "second_approver": ("Second approver", [RoleName.APPROVER], ["read", "write", "approve"]),
    "operator": ("Operator", [RoleName.OPERATOR], ["read", "write", "approve"]),
    "auditor": ("Auditor", [RoleName.AUDITOR], ["read"]),
    "admin": (
        "Administrator",
        [RoleName.POLICY_ADMINISTRATOR, RoleName.USER_ADMINISTRATOR, RoleName.CALENDAR_MANAGER],
        ["read", "write"],
    ),
}
TITLES = {"product": "商品", "order": "订单", "payment": "支付"}
DAY = 24 * 3600
PLANS: list[dict[str, Any]] = [
    {
        "name": "canary 1-5-20-50-100",
        "title": "金丝雀 1/5/20/50/100",
        "steps": [
            {"weight": weight, "bake_seconds": bake}
            for weight, bake in [(1, DAY), (5, DAY // 2), (20, DAY // 2), (50, DAY // 4), (100, 3600)]
        ],
    },
    {
        "name": "demo canary",
        "title": "演示金丝雀",
        "steps": [
            {"weight": weight, "bake_seconds": bake}
            for weight, bake in [(5, 25), (20, 20), (50, 20), (100, 10)]
        ],
        "evidence": {"policy": "guard", "interval_seconds": 2, "wait_limit_seconds": 120},
    },
    {
        "name": "A/B by user id",
        "title": "按用户 A/B",
        "strategy": "ab_test",
        "steps": [{"weight": 0, "bake_seconds": DAY, "sticky": {"header": "x-user-id", "percent": 50}}],
        "evidence": {"experiment": {"kpi": "conversion", "maximum_seconds": 7 * DAY, "on_tie": "stable"}},
    },
]


class Command(BaseCommand):
    help = "Create the demo accounts, services, versions and plans of the one-machine lab."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prometheus", required=True, help="Prometheus' address")
        parser.add_argument(
            "--kubeconfig-env", required=True, help="name of the variable with the kubeconfig's path"
        )
        parser.add_argument(
            "--accounts", required=True, type=Path, help="file that gets the accounts' passwords and tokens"
        )
        parser.add_argument("--namespace", default="shop")

    def handle(self, *_args: object, **options: Any) -> None:
        if not settings.LAB:
            raise CommandError("Demo accounts exist in the lab alone: WEIR_LAB is not set.")
        cluster, _ = Cluster.objects.update_or_create(
            name="lab",
            defaults={"prometheus_url": options["prometheus"], "kubeconfig_env": options["kubeconfig_env"]},
        )
        policy, _ = Policy.objects.get_or_create(
            name="demo",
            defaults={"approvals_needed": 1, "guard_allowed": True, "token_approval_allowed": True},
        )
        owners, _ = Group.objects.get_or_create(name="shop owners")
        accounts = _accounts(options["accounts"])
        services = discover_services(cluster, namespace=options["namespace"], policy=policy, by=_loader())
        for service in services:
            Service.objects.filter(pk=service.pk).update(title=TITLES.get(service.name, ""), owners=owners)
        for plan in PLANS:
            if not RolloutPlan.objects.filter(name=plan["name"]).exists():
                flow.save_plan(by=_loader(), **plan)
        options["accounts"].touch(mode=0o600)
        options["accounts"].write_text(json.dumps(accounts, indent=2))
        self.stdout.write(f"{len(accounts)} accounts, {len(services)} services, {len(PLANS)} plans.")


def _loader() -> Actor:
    return Actor(name="load_demo", channel=Channel.CLI)


def _accounts(path: Path) -> dict[str, dict[str, str]]:
    """Keep the accounts of an earlier start, so that nobody who is signed in is sent away."""
    known: dict[str, dict[str, str]] = (
        json.loads(path.read_text()) if path.is_file() and path.stat().st_size else {}
    )
    return {name: known.get(name) or _account(name) for name in ACCOUNTS}


def _account(name: str) -> dict[str, str]:
    title, roles, scopes = ACCOUNTS[name]
    password = secrets.token_urlsafe(12)
    user, _ = User.objects.get_or_create(
        username=name, defaults={"title": title, "is_staff": True, "is_superuser": name == "admin"}
    )
    user.set_password(password)
    user.save()
    for role in roles:
        Role.objects.get_or_create(user=user, name=role.value, group=None)
    by = Actor(name=name, channel=Channel.CLI, user_id=user.pk)
    _token, secret = flow.issue_token(
        user=user, name="lab", scopes=scopes, expires_at=database_now() + timedelta(days=30), by=by
    )
    return {"password": password, "token": secret}
