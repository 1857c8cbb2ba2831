from core.models import OperationBase


class Operation(OperationBase):
    """Long work that the marketplace's operator asked for: payout runs, fleet migrations."""

    class Meta(OperationBase.Meta):
        pass
