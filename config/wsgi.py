"""WSGI entry point. There is no ASGI one: the tenant lives on the thread's connection."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")
application = get_wsgi_application()

from tenants.postgresql.probe import refuse_shared_sessions  # noqa: E402 - once Django is set up

refuse_shared_sessions()
