"""Settings of the next release: a migration more."""

from config.settings.dev import *  # noqa: F403

MIGRATION_MODULES = {"shop": "benchmarks.fleet_release"}
