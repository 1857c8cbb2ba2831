from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        """Jobs are found like admin modules: each app's jobs.py registers its own."""
        autodiscover_modules("jobs")
