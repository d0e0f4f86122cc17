"""A Kubernetes-compatible API endpoint for the one-machine lab: real clients, no cluster.

``kubectl`` and the ``kubernetes`` client work against it unchanged: discovery, tables, watches, the four
patch types, server-side apply, optimistic locking, Istio's own CRD validation. It listens on 127.0.0.1 only
and is for demonstrations and tests. It runs no controllers and no admission: what is stored is what was sent.

    kinds, builtin, crds, definitions   what is served, by which schemas
    store, journal                      objects, versions and recent history; the same on disk
    application, routing, targets       from a request to what is meant, and back to an answer
    reads, tables, selection            get, list, watch
    writes, metadata, patches           create, replace, patch, delete
    schemas, rules                      pruning and validation, the CRDs' CEL rules
    ownership, fields                   server-side apply
    documents, discovery, openapi       what clients ask first
    bodies, protobuf, credentials       how they speak and get in
    window, requestlog, faults          what tests ask afterwards, and provoke

Not here: /scale, exec, logs, controllers, RBAC, conversion between versions that differ.
"""
