"""What each check is for: a sentence, what is changed in the sound shop, and what must be found."""

from __future__ import annotations

from typing import Any

from tests.istio.builders import destination_rule, route, to
from tests.istio.checks.shop import (
    E,
    Expected,
    I,
    W,
    deployment,
    document,
    header,
    marked,
    named,
    other,
    ruled,
    sized,
)

OLDER, YOUNGER = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"
LONG = "|".join(f"{number * 7919:08d}" for number in range(90))
HUGE = "|".join(f"{number * 7919:08d}" for number in range(9000))
TO_V1_V2 = [to("v1", 95), to("v2", 5)]
PRIMARY = route(*TO_V1_V2, name="primary")
V2_PATH = "spec/http[0]/route[1]/destination"

ROWS: list[tuple[str, dict[str, Any], Expected]] = [
    ("a sound shop", {}, []),
    ("host and subset spelled out are the same", {"host": "product.shop.svc.cluster.local"}, []),
    # WEIR0101
    (
        "the candidate's subset is nowhere defined",
        {"destination_rules": [destination_rule("v1")]},
        [("WEIR0101", E, f"{V2_PATH}/subset")],
    ),
    (
        "a third subset at 0 is undefined and harmless",
        {"virtual_service": document(route(*TO_V1_V2, to("v0", 0)))},
        [("WEIR0101", W, "spec/http[0]/route[2]/destination/subset")],
    ),
    (
        "a third subset with traffic is undefined",
        {"virtual_service": document(route(to("v1", 90), to("v2", 5), to("v0", 5)))},
        [("WEIR0101", E, "spec/http[0]/route[2]/destination/subset")],
    ),
    (
        "the subset is defined for another host only",
        {"destination_rules": [destination_rule("v1"), destination_rule("v2", host="order", name="order")]},
        [("WEIR0101", E, f"{V2_PATH}/subset")],
    ),
    (
        "a mirror goes to an undefined subset",
        {
            "virtual_service": document(
                {**PRIMARY, "mirrors": [{"destination": {"host": "product", "subset": "v9"}}]}
            )
        },
        [("WEIR0101", E, "spec/http[0]/mirrors[0]/destination/subset")],
    ),
    # WEIR0102
    (
        "the host is no Service",
        {"services": [named("Service", "order")]},
        [("WEIR0102", E, "spec/http[0]/route[0]/destination"), ("WEIR0102", E, V2_PATH)],
    ),
    (
        "the Service has no such port",
        {"virtual_service": document(route(to("v1", 95), to("v2", 5, port={"number": 9090})))},
        [("WEIR0102", E, V2_PATH)],
    ),
    (
        "a third host at 0 is missing and harmless",
        {"virtual_service": document(route(*TO_V1_V2, to(None, 0, host="gone")))},
        [("WEIR0102", W, "spec/http[0]/route[2]/destination")],
    ),
    (
        "a host outside the cluster may come from a ServiceEntry",
        {"virtual_service": document(PRIMARY, route(to(None, host="api.example.com"), name="out"))},
        [],
    ),
    (
        "a namespace nobody listed is not judged",
        {"virtual_service": document(PRIMARY, route(to(None, host="mail.office.svc.cluster.local")))},
        [],
    ),
    # WEIR0103
    (
        "nobody deployed the candidate",
        {"deployments": [deployment("v1")]},
        [("WEIR0103", E, "subset v2")],
    ),
    (
        "no pod of it is ready",
        {"deployments": [deployment("v2", ready=0)]},
        [("WEIR0103", E, "subset v2")],
    ),
    (
        "one of its pods is not ready",
        {"deployments": [deployment("v2", ready=1)]},
        [("WEIR0103", W, "subset v2")],
    ),
    (
        "it is scaled to nothing",
        {"deployments": [deployment("v2", ready=0, wanted=0)]},
        [("WEIR0103", E, "subset v2")],
    ),
    (
        "another service has pods of the same version",
        {"deployments": [deployment("v2", app="order")]},
        [("WEIR0103", E, "subset v2")],
    ),
    (
        "its pods run in another namespace",
        {"deployments": [{**deployment("v2"), "metadata": {"name": "product-v2", "namespace": "test"}}]},
        [("WEIR0103", E, "subset v2")],
    ),
    # WEIR0104
    (
        "a route for everything stands before the base",
        {"virtual_service": document(route(to(None), name="all"), PRIMARY), "routes": ["primary"]},
        [("WEIR0104", E, "spec/http[1]")],
    ),
    (
        "a wider prefix stands before the base",
        {
            "virtual_service": document(
                route(to(None), name="api", match=[{"uri": {"prefix": "/api"}}]),
                {**PRIMARY, "match": [{"uri": {"prefix": "/api/v1"}}, {"uri": {"exact": "/api"}}]},
            )
        },
        [("WEIR0104", E, "spec/http[1]")],
    ),
    (
        "a narrower prefix before the base leaves it the rest",
        {"virtual_service": document(route(to(None), match=[{"uri": {"prefix": "/api"}}]), PRIMARY)},
        [],
    ),
    (
        "an earlier route for one header leaves the others",
        {"virtual_service": document(route(to(None), match=header({"exact": "1"})), PRIMARY)},
        [],
    ),
    # WEIR0105
    (
        "another route's weights do not sum to 100",
        {
            "virtual_service": document(route(to("v1", 1), to("v2", 1), match=header({})), PRIMARY),
            "routes": ["primary"],
        },
        [("WEIR0105", W, "spec/http[0]/route")],
    ),
    (
        "another route gives nobody anything",
        {
            "virtual_service": document(route(to("v1", 0), to("v2", 0), match=header({})), PRIMARY),
            "routes": ["primary"],
        },
        [("WEIR0105", E, "spec/http[0]/route")],
    ),
    (
        "a weight is missing beside another",
        {"virtual_service": document(route(to("v1"), to("v2", 100)))},
        [("WEIR0105", W, "spec/http[0]/route[0]/weight")],
    ),
    # WEIR0106
    (
        "a gateway is not there",
        {"virtual_service": document(gateways=["mesh", "front", "shop/side", "istio-system/main"])},
        [("WEIR0106", W, "spec/gateways[2]")],
    ),
    (
        "calls inside the mesh ignore the weights",
        {"virtual_service": document(gateways=["front"])},
        [("WEIR0106", I, "spec/gateways")],
    ),
    (
        "a match names a gateway that is not there",
        {"virtual_service": document({**PRIMARY, "match": [{"gateways": ["gone"]}, {"gateways": ["mesh"]}]})},
        [("WEIR0106", W, "spec/http[0]/match[0]/gateways[0]")],
    ),
    # WEIR0107
    (
        "an older VirtualService has the host",
        {"virtual_services": [document(), other("old", OLDER)]},
        [("WEIR0107", E, "spec/hosts")],
    ),
    (
        "a younger VirtualService has the host",
        {"virtual_services": [document(), other("new", YOUNGER, hosts=["product.shop.svc.cluster.local"])]},
        [("WEIR0107", W, "spec/hosts")],
    ),
    (
        "two share the host on a gateway only",
        {
            "virtual_service": document(gateways=["mesh", "front"]),
            "virtual_services": [other("old", OLDER, gateways=["front"])],
        },
        [("WEIR0107", W, "spec/hosts")],
    ),
    (
        "two have the host and no gateway in common",
        {"virtual_services": [other("old", OLDER, gateways=["front"])]},
        [],
    ),
    ("another host is none of ours", {"virtual_services": [other("old", OLDER, hosts=["order"])]}, []),
    # WEIR0108
    (
        "a look-ahead is not RE2",
        {"virtual_service": document(route(to(None), match=header({"regex": "(?=a)b"})), PRIMARY)},
        [("WEIR0108", E, "spec/http[0]/match[0]/headers/x/regex")],
    ),
    (
        "a pattern is too large for an Envoy without Istio's settings",
        {"virtual_service": document(route(to(None), match=header({"regex": LONG})), PRIMARY)},
        [("WEIR0108", W, "spec/http[0]/match[0]/headers/x/regex")],
    ),
    (
        "a pattern is too large for every Envoy",
        {"virtual_service": document(route(to(None), match=header({"regex": HUGE})), PRIMARY)},
        [("WEIR0108", E, "spec/http[0]/match[0]/headers/x/regex")],
    ),
    (
        "an origin is no RE2",
        {"virtual_service": document({**PRIMARY, "corsPolicy": {"allowOrigins": [{"regex": "("}]}})},
        [("WEIR0108", E, "spec/http[0]/corsPolicy/allowOrigins[0]/regex")],
    ),
    # WEIR0109
    (
        "the object is half as large as Kubernetes stores",
        {"virtual_service": marked(annotations={"note": "x" * 600_000})},
        [("WEIR0109", W, "spec")],
    ),
    (
        "the object is larger than Kubernetes stores",
        {"virtual_service": marked(annotations={"note": "灰" * 400_000})},
        [("WEIR0109", E, "spec")],
    ),
    ("the object is a byte below the limit", {"virtual_service": sized(949_999)}, [("WEIR0109", W, "spec")]),
    ("the object is as large as the limit", {"virtual_service": sized(950_000)}, [("WEIR0109", E, "spec")]),
    # WEIR0110
    (
        "a rule names a value and is fine",
        {
            "virtual_service": ruled(
                {"header": "x", "exact": "1"}, sticky={"header": "x-user-id", "percent": 20}
            )
        },
        [],
    ),
    (
        "two rules catch the same",
        {"virtual_service": ruled({"header": "x", "prefix": "a"}, {"header": "x", "exact": "ab"})},
        [("WEIR0110", W, "spec/http[1]/match")],
    ),
    (
        "a rule takes any value",
        {"virtual_service": ruled({"header": "x", "regex": ".+"})},
        [("WEIR0110", W, "spec/http[0]/match")],
    ),
    (
        "all endings are sticky",
        {"virtual_service": ruled(sticky={"header": "x-user-id", "percent": 100})},
        [("WEIR0110", W, "spec/http[0]/match")],
    ),
    # WEIR0111
    (
        "Argo CD applies the object",
        {"virtual_service": marked(annotations={"argocd.argoproj.io/tracking-id": "shop"})},
        [("WEIR0111", W, "metadata/annotations/argocd.argoproj.io/tracking-id")],
    ),
    (
        "Flux applies the object",
        {"virtual_service": marked(labels={"kustomize.toolkit.fluxcd.io/name": "shop"})},
        [("WEIR0111", W, "metadata/labels/kustomize.toolkit.fluxcd.io/name")],
    ),
    (
        "Flagger owns the object",
        {
            "virtual_service": marked(
                ownerReferences=[{"apiVersion": "flagger.app/v1beta1", "kind": "Canary"}]
            )
        },
        [("WEIR0111", E, "metadata/ownerReferences[0]")],
    ),
    (
        "Argo Rollouts once wrote the object",
        {
            "virtual_service": marked(
                managedFields=[{"manager": "kubectl"}, {"manager": "rollouts-controller"}]
            )
        },
        [("WEIR0111", W, "metadata/managedFields[1]")],
    ),
    (
        "Helm alone is nobody",
        {"virtual_service": marked(labels={"app.kubernetes.io/managed-by": "Helm"})},
        [],
    ),
    # WEIR0112
    (
        "the subset selects other pods than were registered",
        {"candidate_labels": {"version": "v3"}},
        [("WEIR0112", E, "DestinationRule shop/product spec/subsets[1]")],
    ),
    # WEIR0100
    (
        "a neighbour's manifest is broken",
        {"virtual_services": [named("VirtualService", "bad", hosts="product")]},
        [("WEIR0100", W, "VirtualService shop/product")],
    ),
]
