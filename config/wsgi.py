"""WSGI entry point. There is no ASGI one: the tenant lives on the thread's connection."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")
application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - once Django is set up

from tenants.postgresql import probe  # noqa: E402

probe.refuse_shared_sessions()
if not settings.DEBUG:
    probe.refuse_owner_of_books()
