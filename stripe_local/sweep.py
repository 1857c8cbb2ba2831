"""What happens by itself when its time comes: pages close, holds expire, old idempotency keys are forgotten."""

from stripe_local import idempotency
from stripe_local.call import Call, World
from stripe_local.resources import checkout, payment_flow

HOUR = 3_600
ENDINGS = {"checkout.session": checkout.close, "payment_intent": payment_flow.expire}


def run(world: World) -> None:
    """Do what is due. Cheap when nothing is."""
    now = world.clock.now()
    due = world.store.due(now)
    if due:
        with world.store.transaction():
            for document in due:
                account = world.store.account_of(document["id"])
                ENDINGS[document["object"]](Call(world, account=account), document)
    if now - world.last_cleaned >= HOUR:
        world.last_cleaned = now
        idempotency.forget_old(world.store, now=now)
