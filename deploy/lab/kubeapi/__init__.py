"""A Kubernetes-compatible API endpoint for the one-machine lab: real clients, no cluster.

``kubectl`` and the ``kubernetes`` client work against it unchanged: discovery, tables, watches, the four
patch types, server-side apply, optimistic locking, Istio's own CRD validation. It listens on 127.0.0.1 only
and is for demonstrations and tests. It runs no controllers and no admission: what is stored is what was sent.

    kinds      what is served            store, journal   objects, versions, watch history, disk
    writes     create, replace, delete   patches, ownership   the patch types, server-side apply
    reads      get, list, watch, tables  schemas, rules   structural schemas and the CRDs' CEL rules
    discovery, openapi   what clients ask first   requestlog, faults   what tests ask afterwards, and provoke
"""
