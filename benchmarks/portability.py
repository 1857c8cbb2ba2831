"""`make bench-portability`: what it takes to take a storefront with a long history along, bring it back, and copy it.

A fresh stack and the storefront of benchmarks.large_shop: 10,000 products, 100,000 orders. Each is done once, in one process,
while nothing else is asked of the stack.
"""

import json
import os
import sys
import time

from benchmarks.large_shop import ORDERS, PRODUCTS, make_large_shop
from benchmarks.quiet import Report, measured


def main() -> int:
    """Prints the table, writes .souk/bench/portability.json."""
    report = measured("portability", f"{PRODUCTS:,} products, {ORDERS:,} orders", pool_size=3)
    print(f"{'what':<40}{'seconds':>9}{'MB':>9}{'rows':>12}")
    for row in report:
        print(f"{row['what']:<40}{row['seconds']:>9.1f}{row['bytes'] / 1e6:>9.1f}{row['rows']:>12,}")
    return 0


def measure() -> Report:
    """In the process that has Django."""
    import django

    django.setup()
    import pyrage
    from django.conf import settings

    from services.export_services import export_storefront, file_of
    from services.restore_services import restore_storefront, undo_restore
    from services.staging_services import copy_to_staging
    from tenants.models import ArchiveKind

    tenant = make_large_shop()
    report: Report = []

    def note(what: str, started: float, *, size: int, rows: int) -> None:
        report.append({"what": what, "seconds": time.monotonic() - started, "bytes": size, "rows": rows})

    started = time.monotonic()
    archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.EXPORT)
    rows = archive.summary["rows"]
    note("export", started, size=archive.size_bytes, rows=rows)
    report.append(
        {"what": "(unpacked)", "seconds": 0, "bytes": archive.summary["unpacked_bytes"], "rows": rows}
    )

    settings.ARCHIVE_RECIPIENTS = [str(pyrage.x25519.Identity.generate().to_public())]
    started = time.monotonic()
    sealed = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP)
    note("export, encrypted", started, size=sealed.size_bytes, rows=rows)

    place = file_of(archive)
    started = time.monotonic()
    restored = restore_storefront(place=place, is_in_place=True)
    note("restore in place", started, size=archive.size_bytes, rows=restored.rows)
    started = time.monotonic()
    undo_restore(tenant_id=tenant.pk)
    note("undo the restore", started, size=0, rows=0)

    started = time.monotonic()
    copy_to_staging(tenant_id=tenant.pk, actor_id=None)
    note("copy to staging", started, size=0, rows=rows)
    return report


if __name__ == "__main__":
    if "measure" in sys.argv:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
        print(json.dumps(measure()))
    else:
        sys.exit(main())
