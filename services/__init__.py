"""The catalogue: clusters, services, their versions, metrics and policies, and how they are found in a cluster."""
