from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0017_read_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='steprun',
            name='evidence_accepted',
            field=models.BooleanField(default=False),
        ),
    ]
