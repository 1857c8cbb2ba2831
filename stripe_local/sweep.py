"""What happens by itself when its time comes: checkout pages close, old idempotency keys are forgotten."""

from stripe_local import idempotency
from stripe_local.call import Call, World
from stripe_local.resources import checkout

HOUR = 3_600


def run(world: World) -> None:
    """Do what is due. Cheap when nothing is."""
    now = world.clock.now()
    due = world.store.due(now)
    if due:
        with world.store.transaction():
            for document in due:
                account = world.store.account_of(document["id"])
                checkout.close(Call(world, account=account), document)
    if now - world.last_cleaned >= HOUR:
        world.last_cleaned = now
        idempotency.forget_old(world.store, now=now)
