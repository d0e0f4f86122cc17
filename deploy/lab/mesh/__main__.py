"""``python -m deploy.lab.mesh``: run the mesh controller until it is ended."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from deploy.lab.mesh.cluster_view import ClusterView
from deploy.lab.mesh.controller import Controller
from deploy.lab.mesh.readiness import ReadinessProbe
from deploy.lab.mesh.xds import EnvoyFiles

_POLL_SECONDS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.lab.mesh", description="The lab's mesh controller."
    )
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--xds", type=Path, required=True, help="folder of Envoy's cds.json and rds.json")
    parser.add_argument("--envoy-admin-port", type=int, required=True)
    parser.add_argument(
        "--workloads", type=Path, required=True, help="which process stands for which Deployment"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    while not arguments.kubeconfig.exists():  # written by the API server, which starts at the same time
        time.sleep(_POLL_SECONDS)
    view = ClusterView(arguments.kubeconfig)
    view.start()
    logging.info("following the API")
    ReadinessProbe(view, workloads=arguments.workloads).start()
    envoy = EnvoyFiles(arguments.xds, admin_port=arguments.envoy_admin_port)
    Controller(view, envoy=envoy, workloads=arguments.workloads).run()


if __name__ == "__main__":
    main()
