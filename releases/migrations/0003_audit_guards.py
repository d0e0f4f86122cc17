"""Nothing any more: ``releases.models.guards`` puts the triggers on after every ``migrate``. Others stand on this name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("releases", "0002_initial")]

    operations = []
