"""The test suite: real PostgreSQL, cheap password hashes, mail kept in memory."""

import tempfile
from pathlib import Path

from .dev import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
MEDIA_ROOT = Path(tempfile.gettempdir()) / "souk-test-media"
ARCHIVE_ROOT = Path(tempfile.gettempdir()) / "souk-test-archives"
SCHEMA_POOL_SIZE = 1
WHITENOISE_USE_FINDERS = False
