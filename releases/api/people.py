"""How a person is named in answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from releases.models import User


class PersonSerializer(serializers.ModelSerializer[User]):
    """A person: id and the name people read."""

    name = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = User
        fields = ["id", "name"]

    def to_representation(self, instance: User) -> dict[str, Any]:
        return {"id": instance.pk, "name": str(instance)}
