from core.models import OperationBase
from shop.models.base import TenantModel


class Operation(OperationBase, TenantModel):
    """Long work that this storefront's staff asked for: imports, exports."""

    class Meta(OperationBase.Meta):
        pass
