"""The environment variables Souk's processes read, for one Stack."""

import os
from collections.abc import Mapping
from pathlib import Path

from stack.commands import LOCAL_STRIPE_KEY, LOCAL_WEBHOOK_SECRET


def children_environment(
    *,
    settings: str,
    database_url: str,
    owner_url: str | None,
    marketplace_host: str,
    port: int,
    data_dir: Path,
    stripe_url: str | None,
    is_fresh: bool,
    extra: Mapping[str, str],
) -> dict[str, str]:
    """This process's environment with the stack's own values on top, and `extra` on top of those.

    A fresh stack keeps its mail and files to itself, whatever mail server or media folder the machine is set up for.
    """
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "DATABASE_URL": database_url,
        "DATABASE_OWNER_URL": owner_url or "",
        "SOUK_MARKETPLACE_HOST": marketplace_host,
        "SOUK_PORT": str(port),
        "SOUK_SCHEME": "http",
        "SOUK_DATA_DIR": str(data_dir),
        "PYTHONUNBUFFERED": "1",
    }
    if is_fresh:
        env = {
            name: value
            for name, value in env.items()
            if name not in {"EMAIL_URL", "MEDIA_ROOT", "STATIC_ROOT"}
        }
    if stripe_url is not None:
        env |= {
            "STRIPE_SECRET_KEY": LOCAL_STRIPE_KEY,
            "STRIPE_API_BASE": stripe_url,
            "STRIPE_WEBHOOK_SECRETS": LOCAL_WEBHOOK_SECRET,
        }
    else:
        env.setdefault("STRIPE_API_BASE", "")
    return {**env, **extra}
