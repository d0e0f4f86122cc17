"""The web process: ``uvicorn portal.asgi:application``."""

import os

from django.core.asgi import get_asgi_application

from portal.memory import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_asgi_application()
settle()
