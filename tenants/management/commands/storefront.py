import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from services.export_services import export_storefront
from tenants.models import ArchiveKind, Tenant


class Command(BaseCommand):
    help = "One storefront as one thing: taken along as an archive, and brought back."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True)
        export = _action(actions, "export", "Write all of a storefront into one file.")
        export.add_argument("--output", type=Path, help="also copy the file to this place")

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
        self._tell(options, f"{archive.file_name}: {archive.size_bytes} bytes", **archive.summary)

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


def _action(actions: Any, name: str, about: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=about, description=about)
    parser.add_argument("slug", help="the storefront's name in its address")
    parser.add_argument("--json", action="store_true")
    return parser
