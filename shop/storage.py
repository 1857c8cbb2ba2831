"""Files of storefronts: each tenant's in a folder of its own, by its opaque id, reached only on its own hosts."""

from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from tenants.context import current_tenant


class TenantMediaStorage(FileSystemStorage):
    """The folder is chosen at each call from the tenant being served, never kept."""

    @property
    def base_location(self) -> str:
        """MEDIA_ROOT/<tenant id>"""
        return str(Path(settings.MEDIA_ROOT) / str(current_tenant().pk))

    @property
    def location(self) -> str:
        """As an absolute path."""
        return str(Path(self.base_location).absolute())
