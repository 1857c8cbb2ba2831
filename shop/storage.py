"""Files of storefronts: each tenant's in a folder of its own, by its opaque id, reached only on its own hosts."""

from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from tenants.context import current_tenant


def media_folder(tenant_id: UUID) -> Path:
    """MEDIA_ROOT/<tenant id>, where a storefront's files are."""
    return Path(settings.MEDIA_ROOT) / str(tenant_id)


class TenantMediaStorage(FileSystemStorage):
    """The folder is chosen at each call from the tenant being served, never kept."""

    @property
    def base_location(self) -> str:
        """As Django's storage asks for it."""
        return str(media_folder(current_tenant().pk))

    @property
    def location(self) -> str:
        """As an absolute path."""
        return str(Path(self.base_location).absolute())
