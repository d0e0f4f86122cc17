"""Istio's CRDs decide what is stored: the refusals name the field, the rules of the file are all covered."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.lab.kubeapi.crds import istio_definitions, istio_kinds
from deploy.lab.kubeapi.failures import ApiFailure
from deploy.lab.kubeapi.kinds import Kind
from deploy.lab.kubeapi.rules import RULES, seconds, uncovered
from deploy.lab.kubeapi.schemas import checked
from tests.lab.kubeapi import manifests
from tests.lab.kubeapi.process import KubeApi

COLLECTION = "/apis/networking.istio.io/v1/namespaces/shop"
KINDS = {kind.name: kind for kind in istio_kinds()}
DURATION = "must be a valid duration greater than 1ms"


def changed(manifest: dict[str, Any], path: list[str | int], value: Any) -> dict[str, Any]:
    """Set one field of a manifest, or take it away with ``...``."""
    here: Any = manifest
    for step in path[:-1]:
        here = here[step]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return manifest


def refusal(kind: Kind, manifest: dict[str, Any], *, validation: str = "Warn") -> ApiFailure:
    """Return the failure that a manifest earns."""
    with pytest.raises(ApiFailure) as caught:
        checked(kind, "v1", manifest, validation=validation)
    return caught.value


def fields(failure: ApiFailure) -> list[tuple[str, str]]:
    """Return reason and field of each cause."""
    assert failure.details is not None
    return [(cause["reason"], cause["field"]) for cause in failure.details["causes"]]


TYPE, VALUE, REQUIRED = "FieldValueTypeInvalid", "FieldValueInvalid", "FieldValueRequired"
WEIGHT = "spec.http[0].route[0].weight"
ROUTE: list[str | int] = ["spec", "http", 0, "route", 0]
SERVER: list[str | int] = ["spec", "servers", 0]


@pytest.mark.parametrize(
    ("make", "path", "value", "reason", "field"),
    [
        (manifests.virtual_service, [*ROUTE, "weight"], "5", TYPE, WEIGHT),
        (manifests.virtual_service, [*ROUTE, "weight"], 2**31, VALUE, WEIGHT),
        (manifests.virtual_service, [*ROUTE, "weight"], True, TYPE, WEIGHT),
        (
            manifests.virtual_service,
            [*ROUTE, "destination", "host"],
            ...,
            REQUIRED,
            "spec.http[0].route[0].destination.host",
        ),
        (manifests.virtual_service, ["spec", "http"], {}, TYPE, "spec.http"),
        (
            manifests.virtual_service,
            ["spec", "http", 0, "match"],
            [{"uri": {"exact": "/a", "prefix": "/b"}}],
            VALUE,
            "spec.http[0].match[0].uri",
        ),
        (
            manifests.virtual_service,
            ["spec", "http", 0, "timeout"],
            "soon",
            VALUE,
            "spec.http[0].timeout",
        ),
        (
            manifests.virtual_service,
            ["spec", "http", 0, "timeout"],
            "0s",
            VALUE,
            "spec.http[0].timeout",
        ),
        (manifests.destination_rule, ["spec", "host"], ..., REQUIRED, "spec.host"),
        (
            manifests.destination_rule,
            ["spec", "trafficPolicy"],
            {"loadBalancer": {"simple": "FASTEST"}},
            "FieldValueNotSupported",
            "spec.trafficPolicy.loadBalancer.simple",
        ),
        (
            manifests.destination_rule,
            ["spec", "workloadSelector"],
            {"matchLabels": {"a*": "b"}},
            VALUE,
            "spec.workloadSelector.matchLabels",
        ),
        (manifests.gateway, [*SERVER, "port", "number"], -1, VALUE, "spec.servers[0].port.number"),
        (
            manifests.gateway,
            [*SERVER, "tls"],
            {"credentialName": "a", "credentialNames": ["b"]},
            VALUE,
            "spec.servers[0].tls",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(
    make: Any, path: list[str | int], value: Any, reason: str, field: str
) -> None:
    manifest = changed(make(), path, value)

    failure = refusal(KINDS[manifest["kind"]], manifest)

    assert failure.status == 422
    assert (reason, field) in fields(failure)


@pytest.mark.parametrize("make", [manifests.virtual_service, manifests.destination_rule, manifests.gateway])
def test_a_right_object_passes_unchanged_and_without_warning(make: Any) -> None:
    manifest = make()

    assert checked(KINDS[manifest["kind"]], "v1", manifest, validation="Strict") == (make(), [])


def test_every_wrong_field_is_named_at_once() -> None:
    manifest = manifests.virtual_service()
    for place in (0, 1):
        changed(manifest, ["spec", "http", 0, "route", place, "weight"], "many")

    failure = refusal(KINDS["VirtualService"], manifest)

    assert [field for _, field in fields(failure)] == [
        "spec.http[0].route[0].weight",
        "spec.http[0].route[1].weight",
    ]


def test_rules_are_asked_only_of_what_fits_the_schema() -> None:
    manifest = changed(manifests.virtual_service(), ["spec", "http", 0, "timeout"], 5)

    failure = refusal(KINDS["VirtualService"], manifest)

    assert fields(failure) == [("FieldValueTypeInvalid", "spec.http[0].timeout")]


def test_every_rule_of_the_vendored_file_is_covered_and_none_is_left_over() -> None:
    schemas = [
        version["schema"] for definition in istio_definitions() for version in definition["spec"]["versions"]
    ]
    text = str(schemas)

    assert uncovered(schemas) == set()
    assert [rule for rule in RULES if rule not in text and rule.replace("'", "\\'") not in text] == []


def test_a_rule_that_is_not_covered_is_found() -> None:
    assert uncovered({"items": {"x-kubernetes-validations": [{"rule": "self > 1"}]}}) == {"self > 1"}


@pytest.mark.parametrize(
    ("text", "expected"), [("1.5s", 1.5), ("1h30m", 5400.0), ("250ms", 0.25), ("-2s", -2.0), (".5s", 0.5)]
)
def test_durations_are_read_as_go_reads_them(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "1d", "1s2"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


@pytest.mark.enable_socket
def test_unknown_fields_are_pruned_refused_or_told_as_asked(shop: KubeApi) -> None:
    wrong = manifests.virtual_service()
    wrong["spec"]["weights"] = [1]
    path = f"{COLLECTION}/virtualservices"

    strict = shop.api("POST", f"{path}?fieldValidation=Strict&dryRun=All", wrong)
    silent = shop.api("POST", f"{path}?fieldValidation=Ignore&dryRun=All", wrong)
    told = shop.api("POST", path, wrong)

    assert (strict.status, 'unknown field "spec.weights"' in strict.body["message"]) == (400, True)
    assert ("weights" in silent.body["spec"], "warning" in silent.headers) == (False, False)
    assert ("weights" in told.body["spec"], told.headers["warning"]) == (
        False,
        '299 - "unknown field \\"spec.weights\\""',
    )


@pytest.mark.enable_socket
def test_a_refused_object_is_not_stored(shop: KubeApi) -> None:
    wrong = changed(manifests.virtual_service(), ["spec", "http", 0, "timeout"], "soon")

    answer = shop.api("POST", f"{COLLECTION}/virtualservices", wrong)

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert DURATION in answer.body["message"]
    assert shop.api("GET", f"{COLLECTION}/virtualservices").body["items"] == []


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("path", "value", "status", "said"),
    [
        (["spec", "replicas"], "two", 400, "must be of type integer"),
        (["spec", "selector"], ..., 422, "spec.selector: Required value"),
        (
            ["spec", "template", "spec", "containers", 0, "name"],
            ...,
            422,
            "containers[0].name: Required value",
        ),
        (["spec", "template", "spec", "containers", 0, "imagge"], "a", 400, "imagge"),
    ],
)
def test_built_in_kinds_are_checked_by_kubernetes_own_schemas(
    shop: KubeApi, path: list[str | int], value: Any, status: int, said: str
) -> None:
    wrong = changed(manifests.deployment(), path, value)

    answer = shop.api("POST", "/apis/apps/v1/namespaces/shop/deployments?fieldValidation=Strict", wrong)

    assert (answer.status, said in answer.body["message"]) == (status, True), answer.body


@pytest.mark.enable_socket
def test_the_name_of_an_unknown_field_cannot_break_the_answer(shop: KubeApi) -> None:
    wrong = manifests.virtual_service()
    wrong["spec"]["\u4e16\r\nSet-Cookie: a=b"] = 1

    answer = shop.api("POST", f"{COLLECTION}/virtualservices", wrong)

    assert (answer.status, "set-cookie" in answer.headers) == (201, False)
    assert "\\u4e16\\r\\nSet-Cookie" in answer.headers["warning"]


@pytest.mark.enable_socket
@pytest.mark.parametrize(("routes", "status"), [(7_000, 201), (16_000, 413), (40_000, 413)])
def test_an_object_over_the_limit_of_etcd_or_of_the_server_is_refused(
    shop: KubeApi, routes: int, status: int
) -> None:
    large = manifests.virtual_service()
    match = [{"headers": {"x-user-id": {"exact": f"{number:064d}"}}} for number in range(routes)]
    large["spec"]["http"][0]["match"] = match

    answer = shop.api("POST", f"{COLLECTION}/virtualservices", large)

    assert answer.status == status, answer.body
