import json
import sys
from argparse import ArgumentParser, FileType
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from services.erasure_services import export_erasures, import_erasures
from services.person_export_services import hand_out_person
from services.person_services import erase_person_by_email, orders_of, person_by_email
from tenants.context import tenant_scope
from tenants.models import GONE, Tenant

STAYS = (
    "Orders, invoices (number, day, amounts) and reviews stay, of nobody; the account, if there is one, stays for other"
    " storefronts. Archives made before hold the person until they expire; a restore forgets them again."
)


class Command(BaseCommand):
    help = (
        "What a storefront knows of a person, who is known by their mail address: given to them, or forgotten. erasures:"
        " who was forgotten (digests, no names), taken to another installation."
    )

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True, metavar="export|erase|erasures")
        export = _action(actions, "export", "Write everything the storefront knows of somebody, as JSON.")
        export.add_argument(
            "--output", type=Path, help="into this file, which only you can read; else to standard output"
        )
        erase = _action(actions, "erase", "Forget somebody in this storefront. It cannot be undone.")
        erase.add_argument("--reason", required=True, help="for the log of what was done")
        erase.add_argument("--yes", action="store_true", help="do not ask")
        erase.add_argument("--json", action="store_true")
        erasures = actions.add_parser("erasures", help="write or read digests of who was forgotten")
        way = erasures.add_mutually_exclusive_group(required=True)
        way.add_argument("--export", type=Path, metavar="FILE", dest="write_to")
        way.add_argument("--import", type=FileType("r", encoding="utf-8"), metavar="FILE", dest="read_from")
        erasures.add_argument("--json", action="store_true")

    def handle(self, *, action, **options):
        """Each action has a method `_<action>`; what is refused ends with exit status 1 and the reason."""
        try:
            getattr(self, f"_{action}")(options)
        except DomainError as refusal:
            raise CommandError(refusal.sentence) from refusal

    def _export(self, options):
        with tenant_scope(self._tenant(options)):
            told = json.dumps(
                hand_out_person(email=options["email"], actor_id=None), ensure_ascii=False, indent=2
            )
        if options["output"] is None:
            self.stdout.write(told)
            return
        options["output"].touch(mode=0o600)
        options["output"].write_text(told + "\n", encoding="utf-8")
        self.stderr.write(f"{options['output']}: {len(told.encode())} bytes")

    def _erase(self, options):
        tenant = self._tenant(options)
        with tenant_scope(tenant):
            person = person_by_email(options["email"])
            if not options["yes"]:
                known = f"{orders_of(person).count()} orders{', an account' if person.user else ''}"
                self.stderr.write(f"{tenant.name} knows {person.email} by {known}. {STAYS}")
                if not sys.stdin.isatty() or input(f"Type {tenant.slug} to forget them: ") != tenant.slug:
                    raise CommandError("Nothing was done. Give --yes where nobody can be asked.")
            done = erase_person_by_email(email=options["email"], actor_id=None, reason=options["reason"])
        counts = {name: count for name, count in asdict(done).items() if count}
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        self._tell(
            options, f"Forgotten: {said}. {STAYS}" if counts else "Nothing was known of them.", **counts
        )

    def _erasures(self, options):
        if options["read_from"]:
            with options["read_from"] as lines:
                counts = import_erasures(lines)
            self._tell(
                options,
                "{new} new, {known} known, {missing} of storefronts that are not here; {forgotten} orders and accounts forgotten again.".format(
                    **counts
                ),
                **counts,
            )
            return
        with options["write_to"].open("w", encoding="utf-8") as file:
            count = export_erasures(file)
        self._tell(options, f"{options['write_to']}: {count} erasures", erasures=count)

    # What all actions share -------------------------------------------------------------------------------------------

    def _tenant(self, options: dict[str, Any]) -> Tenant:
        tenant = Tenant.objects.filter(slug=options["slug"]).exclude(status__in=GONE).first()
        if tenant is None:
            raise CommandError(f"There is no storefront {options['slug']!r}.")
        return tenant

    def _tell(self, options: dict[str, Any], sentence: str, **facts: Any) -> None:
        self.stdout.write(json.dumps(facts) if options["json"] else sentence)


def _action(actions: Any, name: str, about: str) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=about, description=about)
    parser.add_argument("slug", help="the storefront's name in its address")
    parser.add_argument("email", help="the person's mail address")
    return parser
