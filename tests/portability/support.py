"""A storefront with something of everything, and what PostgreSQL's own tools say of it."""

import io
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from django.db import connection
from PIL import Image

from core.clock import now
from services.address_services import save_address
from services.image_services import add_image
from services.order_history import Actor
from services.order_note_services import add_note
from services.refund_services import request_refund
from services.review_services import save_review
from services.schema_digest_services import schema_digests
from services.schema_tables import one_look, row_digests, sequences_of
from shop.models import ActorKind, Order
from stack.cluster import binary
from stripe_local.testing import LocalStripe
from tenants.context import tenant_scope
from tenants.models import Tenant, User
from tests.factories.shop import (
    ADDRESS,
    make_cart,
    make_delivered,
    make_order,
    make_product,
    make_promotion,
    pay,
)
from tests.factories.tenants import make_user, owner_of, owner_session

HOSTILE = 'Tea; "green", \\N \\. \n=1+1\ttab ünï 茶 \'; DROP TABLE shop_order; --'


def picture() -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (20, 120, 90)).save(out, "PNG")
    return out.getvalue()


def fill(tenant: Tenant, stripe: LocalStripe, *, buyer: User | None = None) -> dict[str, Order]:
    """Products with pictures, orders in several states, money moved, a review, an address, a note, a cart, a promotion."""
    buyer = buyer or make_user("ada@example.com", name="Ada Lovelace", email_verified_at=now())
    with tenant_scope(tenant):
        product = make_product(title=HOSTILE, stock=50)
        add_image(product_id=product.pk, source=picture(), alt=HOSTILE)
        variant = product.variants.get()
        make_promotion(code="SAVE")
        save_address(user_id=buyer.pk, address_id=None, is_default=True, **ADDRESS)
        make_cart((variant, 3))
        delivered = make_delivered(variant, stripe, buyer_id=buyer.pk, email=buyer.email, code="SAVE")
        save_review(
            product_id=product.pk, rating=4, title="Good", text=HOSTILE, order=delivered, buyer_id=buyer.pk
        )
        add_note(
            order_id=delivered.pk, text="Called Ada.", actor=Actor(ActorKind.SELLER, owner_of(tenant).pk)
        )
        refunded = make_order((variant, 2))
        pay(refunded, stripe)
        request_refund(
            order_id=refunded.pk, amount_minor=500, reason="Late", actor=Actor(ActorKind.SELLER, None)
        )
        pending = make_order((variant, 1), email="guest@example.com")
        return {"delivered": delivered, "refunded": refunded, "pending": pending}


def likeness(schema: str) -> tuple[str, dict[str, str], dict[str, tuple[int, bool]]]:
    """Structure, rows and sequences of a schema, to be compared."""
    with one_look():
        return schema_digests([schema])[schema], row_digests(schema), sequences_of(schema)


def psql(*arguments: str, database: str, folder: Path | None = None) -> str:
    """PostgreSQL's own client, on the server that the tests use."""
    return run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments, database=database, folder=folder)


def run(program: str, *arguments: str, database: str, folder: Path | None = None) -> str:
    """One of PostgreSQL's programs. Raises CalledProcessError with what it said."""
    options = connection.get_connection_params()
    environment = {
        **os.environ,
        "PGHOST": options.get("host", ""),
        "PGPORT": str(options.get("port", "") or ""),
        "PGUSER": options.get("user", ""),
        "PGPASSWORD": options.get("password", ""),
        "PGDATABASE": database,
    }
    done = subprocess.run(
        [str(binary(program)), *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def empty_database(name: str = "souk_empty") -> Iterator[str]:
    """A database with nothing in it, on the same server, gone afterwards."""
    name = f"{name}_{os.getpid()}"
    with owner_session() as owner, owner.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        cursor.execute(f"GRANT CREATE ON DATABASE {name} TO {connection.settings_dict['USER']}")
        try:
            yield name
        finally:
            for _ in range(50):  # sessions that have just ended may still be there
                with suppress(psycopg2.errors.ObjectInUse):
                    cursor.execute(f"DROP DATABASE IF EXISTS {name}")
                    break
                time.sleep(0.1)
