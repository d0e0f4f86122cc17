"""Rows of the catalogue. What changes them with governance goes through ``releases.flow``."""

from services.models.cluster import Cluster
from services.models.limit import RolloutLimit
from services.models.metric import Metric
from services.models.policy import Policy
from services.models.service import Service
from services.models.version import Version

__all__ = ["Cluster", "Metric", "Policy", "RolloutLimit", "Service", "Version"]
