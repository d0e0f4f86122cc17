"""The lab's mesh controller: turns Istio objects into Envoy's configuration, as istiod would.

::

    objects.py      manifests -> values                   [pure]
    clusters.py     Service + DestinationRule -> CDS      [pure]
    routes.py       VirtualService -> RDS                 [pure]
                    (its parts: matches, actions, filters, fields, hosts)
    informers.py    watch the Kubernetes API
    xds.py          files for Envoy, and Envoy's answer
    controller.py   one pass: translate, write, await the answer, report
    reports.py      VirtualService/status and Deployment/status
    readiness.py    which local processes answer

It knows nothing of Weir: it reads the objects anybody writes, and writes only status.
"""
