"""Jobs of one storefront. Each is run in its tenant's schema and is safe to run twice."""

from contextlib import suppress
from uuid import UUID

import services.archive_operations
import services.catalogue_operations
import services.order_export_services  # noqa: F401 - its operations are run here
from core.jobs import MAIL, MAIL_ATTEMPTS, MONEY, task
from services.directory_services import rebuild_directory, refresh_directory
from services.image_services import fetch_image
from services.notification_services import send_notification_mail
from services.operation_services import run_operation
from services.payment_services import (
    NotAuthorised,
    capture_payment,
    close_page,
    expire_order,
    void_payment,
)
from services.refund_services import send_refund, sync_refunds


@task("order.expire", priority=MONEY)
def expire_order_job(*, order_id: str) -> None:
    expire_order(order_id=UUID(order_id))


@task("payment.close_page", priority=MONEY)
def close_page_job(*, payment_id: str) -> None:
    close_page(payment_id=UUID(payment_id))


@task("payment.capture", priority=MONEY)
def capture_payment_job(*, order_id: str) -> None:
    with suppress(NotAuthorised):
        capture_payment(order_id=UUID(order_id))


@task("payment.void", priority=MONEY)
def void_payment_job(*, payment_id: str) -> None:
    void_payment(payment_id=UUID(payment_id))


@task("refund.send", priority=MONEY)
def send_refund_job(*, refund_id: str) -> None:
    send_refund(refund_id=UUID(refund_id))


@task("refund.sync", priority=MONEY)
def sync_refunds_job(*, charge_id: str) -> None:
    sync_refunds(charge_id=charge_id)


@task("mail.notification", priority=MAIL, max_attempts=MAIL_ATTEMPTS)
def send_notification_mail_job(*, notification_id: str) -> None:
    send_notification_mail(notification_id=UUID(notification_id))


@task("operation.run", max_attempts=5)
def run_operation_job(*, operation_id: str) -> None:
    """Of the storefront being served, or of the marketplace."""
    run_operation(operation_id=UUID(operation_id))


@task("directory.refresh", priority=MAIL, max_attempts=MAIL_ATTEMPTS)
def refresh_directory_job() -> None:
    refresh_directory()


@task("directory.sweep", priority=MAIL, max_attempts=3, cron="23 4 * * *")
def sweep_directory_job() -> None:
    rebuild_directory()


@task("image.fetch", priority=MAIL, max_attempts=3)
def fetch_image_job(*, image_id: str) -> None:
    fetch_image(image_id=UUID(image_id))
