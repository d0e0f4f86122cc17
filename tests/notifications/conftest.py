"""The world of the operators' face, with its settings: acts are real, the mesh is a fake."""

from tests.admin.conftest import plain_settings, sign_in, world

__all__ = ["plain_settings", "sign_in", "world"]
