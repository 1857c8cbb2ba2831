#!/usr/bin/env python
"""Souk's command line. Without DATABASE_URL it runs on the embedded PostgreSQL under .souk/."""

import os
import sys
from pathlib import Path


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    if "DATABASE_URL" not in os.environ and os.environ["DJANGO_SETTINGS_MODULE"] != "config.settings.prod":
        from stack.postgres import owner_url, start

        data_dir = Path(os.environ.get("SOUK_DATA_DIR", ".souk")) / "postgres"
        os.environ["DATABASE_URL"] = start(data_dir)
        os.environ["DATABASE_OWNER_URL"] = owner_url(data_dir)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
