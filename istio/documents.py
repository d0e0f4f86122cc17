"""Istio's VirtualService and DestinationRule as values that keep every field nobody here knows.

TrafficError and its subclasses say why a document cannot be edited as asked; ``code`` is part of the contract::

    TrafficError
    ├── InvalidWeight, SameVersion, NoRoutes, MalformedRoute, RouteNotFound, DuplicateRouteName, AmbiguousRoutes,
    ├── NoMatchingRoute, NotWeightedRoute, StableDestinationNotFound, DuplicateDestination, WeightOverflow,
    └── SubsetNotDefined
"""
