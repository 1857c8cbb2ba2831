import json
import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from services.archive_services import open_archive
from services.export_services import export_storefront, file_of
from services.lifecycle_services import erase_storefront
from services.restore_services import restore_storefront, settle_storefront, undo_restore
from services.staging_services import copy_to_staging, refresh_staging, remove_staging
from services.tenant_services import close_tenant, reactivate_tenant, reopen_tenant, suspend_tenant
from tenants.models import ArchiveKind, Tenant


class Command(BaseCommand):
    help = "One storefront as one thing: taken along as an archive, and brought back."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True)
        export = _action(actions, "export", "Write all of a storefront into one file.")
        export.add_argument("--output", type=Path, help="also copy the file to this place")
        restore = _action(actions, "restore", "Bring a storefront back from an archive.", takes_slug=False)
        restore.add_argument("file", type=Path, help="the archive")
        restore.add_argument(
            "--in-place", action="store_true", help="put it in the place of the storefront that is here"
        )
        restore.add_argument(
            "--slug", default="", help="under this name; beside the one that is here, if there is one"
        )
        restore.add_argument(
            "--foreign", action="store_true", help="another installation wrote it: what it holds is trusted"
        )
        verify = _action(actions, "verify", "Check an archive, and say what is in it.", takes_slug=False)
        verify.add_argument("file", type=Path, help="the archive")
        for reader in (restore, verify):
            reader.add_argument(
                "--identity",
                type=Path,
                action="append",
                default=[],
                metavar="FILE",
                help="with an age secret key",
            )
        _action(actions, "undo-restore", "Put back what the last restore in place replaced.")
        _action(actions, "settle", "Bring in again what Stripe knows better than a restored storefront.")
        stage = _action(
            actions, "stage", "Copy a storefront to staging: without its people, with test payments."
        )
        stage.add_argument("--slug", dest="to", default="", help="its address; else this one's with -staging")
        stage.add_argument("--anew", action="store_true", help="make the staging copy of this name anew")
        _action(actions, "unstage", "Remove a staging copy, at once.")
        for name, about in MOVES.items():
            move = _action(actions, name, about)
            move.add_argument("--reason", required=True, help="for the audit log")
            move.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *, action, **options):
        """Each action has a method `_<action>`; what is refused ends with exit status 1 and the reason."""
        try:
            getattr(self, "_" + action.replace("-", "_"))(options)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal

    def _export(self, options):
        tenant = self._tenant(options)
        with self._bar(options) as say:
            archive = export_storefront(tenant_id=tenant.pk, kind=ArchiveKind.BACKUP, on_progress=say)
        place = file_of(archive)
        if options["output"]:
            place = Path(shutil.copy(place, options["output"]))
        self._tell(
            options,
            f"{place}: {archive.size_bytes} bytes, {archive.summary['rows']} rows,"
            f" {archive.summary['pictures']} pictures; kept until {archive.expires_at:%Y-%m-%d}",
            file=place,
            bytes=archive.size_bytes,
            sha256=archive.sha256,
            **archive.summary,
        )

    def _restore(self, options):
        with self._bar(options, unit=" tables and pictures") as say:
            report = restore_storefront(
                place=options["file"],
                slug=options["slug"],
                is_in_place=options["in_place"],
                is_foreign=options["foreign"],
                identities=_identities(options),
                on_progress=say,
            )
        self._tell(options, "\n".join(report.lines()), **report.as_json())

    def _verify(self, options):
        with open_archive(options["file"], identities=_identities(options)) as archive:
            told = archive.manifest
            self._tell(
                options,
                f"{told['storefront']['name']} ({told['storefront']['slug']}) as of {told['made_at']}:"
                f" {len(archive.members)} files, all whole; written"
                f" {'here' if archive.is_ours else 'by another installation'}",
                is_ours=archive.is_ours,
                **told,
            )

    def _undo_restore(self, options):
        tenant = undo_restore(tenant_id=self._tenant(options).pk)
        self._tell(options, f"{tenant.slug} is served from what it was before", schema=tenant.schema_name)

    def _settle(self, options):
        found = settle_storefront(tenant_id=self._tenant(options).pk)
        self._tell(options, "\n".join(found.lines()), **found.as_json())

    def _stage(self, options):
        tenant = self._tenant(options)
        with self._bar(options, unit=" tables, indexes and pictures") as say:
            if options["anew"]:
                made = refresh_staging(tenant_id=tenant.pk, actor_id=None, on_progress=say)
            else:
                made = copy_to_staging(
                    tenant_id=tenant.pk, slug=options["to"], actor_id=None, on_progress=say
                )
        self._tell(
            options,
            f"{made.tenant.url}: {made.rows} rows, {made.pictures} pictures, in {made.seconds:.1f} s; its owner and"
            " managers may see it",
            **made.as_json(),
        )

    def _unstage(self, options):
        tenant = self._tenant(options)
        remove_staging(tenant_id=tenant.pk, actor_id=None)
        self._tell(options, f"{tenant.slug} is removed", tenant=tenant.pk)

    def _suspend(self, options):
        tenant = suspend_tenant(tenant_id=self._tenant(options).pk, actor_id=None, reason=options["reason"])
        self._tell(options, f"{tenant.slug} is closed to buyers", status=tenant.status)

    def _reactivate(self, options):
        tenant = reactivate_tenant(
            tenant_id=self._tenant(options).pk, actor_id=None, reason=options["reason"]
        )
        self._tell(options, f"{tenant.slug} is open", status=tenant.status)

    def _close(self, options):
        tenant = close_tenant(tenant_id=self._tenant(options).pk, actor_id=None, reason=options["reason"])
        self._tell(
            options,
            f"{tenant.slug} is closed; it can be reopened until it is erased after {tenant.erase_after:%Y-%m-%d}",
            status=tenant.status,
            erase_after=tenant.erase_after,
        )

    def _reopen(self, options):
        tenant = reopen_tenant(tenant_id=self._tenant(options).pk, actor_id=None, reason=options["reason"])
        self._tell(options, f"{tenant.slug} is suspended; reactivate it to open it", status=tenant.status)

    def _erase(self, options):
        tenant = self._tenant(options)
        if not options["yes"] and not _is_typed(tenant.slug):
            raise CommandError("Nothing was erased.")
        with self._bar(options, unit=" steps") as say:
            archive = erase_storefront(
                tenant_id=tenant.pk, actor_id=None, reason=options["reason"], on_progress=say
            )
        kept = f"; its archive is kept until {archive.expires_at:%Y-%m-%d}" if archive else ""
        self._tell(
            options,
            f"{tenant.slug} is erased{kept}",
            tenant=tenant.pk,
            archive=archive.file_name if archive else None,
        )

    # What all actions share -------------------------------------------------------------------------------------------

    def _tenant(self, options: dict[str, Any]) -> Tenant:
        tenant = Tenant.objects.filter(slug=options["slug"]).first()
        if tenant is None:
            raise CommandError(f"There is no storefront {options['slug']!r}.")
        return tenant

    def _bar(self, options: dict[str, Any], unit: str = " rows") -> "_Bar":
        return _Bar(tqdm(unit=unit, disable=options["json"] or not sys.stderr.isatty(), mininterval=0.5))

    def _tell(self, options: dict[str, Any], sentence: str, **facts: Any) -> None:
        self.stdout.write(json.dumps(facts, default=str) if options["json"] else sentence)


MOVES = {
    "suspend": "Close a storefront to buyers for now.",
    "reactivate": "Open a suspended storefront again.",
    "close": "End a storefront: nobody is served, and after some days it is erased.",
    "reopen": "Take a closing back; the storefront is suspended then.",
    "erase": "Erase a closed storefront for good, after its days of grace.",
}


def _is_typed(slug: str) -> bool:
    """Whether whoever sits there means it."""
    try:
        return input(f"This cannot be taken back. Type {slug} to erase it: ").strip() == slug
    except EOFError:
        return False


class _Bar:
    """A progress bar as services want it: `say(done, total)`."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

    def __call__(self, done: int, total: int | None = None) -> None:
        if total is not None:
            self._bar.total = total
        self._bar.update(done - self._bar.n)


def _identities(options: dict[str, Any]) -> list[str]:
    """Secret keys out of files as `age-keygen` writes them."""
    lines = [line.strip() for place in options["identity"] for line in place.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _action(actions: Any, name: str, about: str, *, takes_slug: bool = True) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=about, description=about)
    if takes_slug:
        parser.add_argument("slug", help="the storefront's name in its address")
    parser.add_argument("--json", action="store_true")
    return parser
