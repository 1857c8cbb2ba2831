import json
import signal
import sys
import threading
from collections import Counter
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.errors import DomainError
from services.citus_services import citus_version
from services.distribution_services import NoCitus, distribute_fleet, move_storefront, places
from services.fleet_services import (
    FleetOptions,
    check_fleet,
    fleet_status,
    migrate_fleet,
    migrate_shared,
    plan_fleet,
)
from services.schema_recording_services import SCRIPT, record_script
from tenants.models import SchemaState


class Command(BaseCommand):
    help = (
        "Storefronts' schemas, all of them at once. migrate: bring the shared tables (as their owner, "
        "DATABASE_OWNER_URL) and then every storefront to this code's version. status: how far they "
        "are. plan: what would run, with its locks. check: where a schema is not what its migrations make. record: "
        "write the script that new schemas are made from. distribute, place: storefronts on several machines, by Citus "
        "(docs/scaling.md)."
    )

    requires_system_checks = ()  # as Django's own migrate: they would import every view

    def add_arguments(self, parser):
        actions = parser.add_subparsers(
            dest="action", required=True, metavar="migrate|status|plan|check|record|distribute|place"
        )
        migrate = actions.add_parser("migrate", help="exits with 1 where a storefront could not be migrated")
        defaults = FleetOptions()
        migrate.add_argument("--shared-only", action="store_true", help="leave the storefronts as they are")
        migrate.add_argument("--workers", type=int, default=defaults.workers)
        migrate.add_argument(
            "--canary", action="append", default=[], metavar="SLUG", help="goes first; may be repeated"
        )
        migrate.add_argument(
            "--first", type=int, default=defaults.first, help="how many go first, where none are named"
        )
        migrate.add_argument("--max-failures", type=int, default=defaults.max_failures)
        migrate.add_argument("--lock-timeout-ms", type=int, default=defaults.lock_timeout_ms)
        migrate.add_argument("--retries", type=int, default=defaults.retries)
        for parser_of in (
            migrate,
            actions.add_parser("status"),
            actions.add_parser("plan"),
            actions.add_parser("check", help="exits with 1 where a schema has drifted"),
        ):
            parser_of.add_argument("--json", action="store_true")
        record = actions.add_parser("record")
        record.add_argument(
            "--check", action="store_true", help="write nothing; exit with 1 where it is out of date"
        )
        distribute = actions.add_parser(
            "distribute",
            help="move schemas that are still on the coordinator to workers; exits with 1 where one could not be, and"
            " with 2 where there is no Citus",
        )
        distribute.add_argument("--only", action="append", default=[], metavar="SLUG", help="may be repeated")
        place = actions.add_parser("place", help="move a storefront to another worker while it serves")
        place.add_argument("--storefront", required=True, metavar="SLUG")
        place.add_argument("--node", required=True, metavar="HOST:PORT", help="as `fleet status` names it")
        for parser_of in (distribute, place):
            parser_of.add_argument("--json", action="store_true")

    def handle(self, *, action, **options):
        try:
            getattr(self, f"_{action}")(options)
        except NoCitus as refusal:
            raise CommandError(f"{refusal.title}: {refusal.facts['reason']}.", returncode=2) from refusal
        except DomainError as refusal:
            raise CommandError(f"{refusal.title}: {refusal.facts}") from refusal

    def _migrate(self, options):
        migrate_shared()
        if options["shared_only"]:
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        bar = tqdm(unit=" storefronts", disable=options["json"], mininterval=0.5)
        failures = 0

        def start(total):
            bar.reset(bar.n + total if bar.n else total)

        def note(outcome):
            nonlocal failures
            if outcome.state != SchemaState.CURRENT:
                failures += 1
                bar.set_postfix(failed=failures)
                bar.write(f"{outcome.slug}: {outcome.migration}: {outcome.error}", file=sys.stderr)
            bar.update()

        with bar:
            report = migrate_fleet(
                FleetOptions(
                    workers=max(options["workers"], 1),
                    canaries=tuple(options["canary"]),
                    first=options["first"],
                    max_failures=options["max_failures"],
                    lock_timeout_ms=options["lock_timeout_ms"],
                    retries=options["retries"],
                ),
                on_start=start,
                on_outcome=note,
                stop=stop,
            )
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self.stdout.write(
                f"{report.migrated} migrated, {report.up_to_date} were up to date, {len(report.failures)} failed,"
                f" of {report.total}, in {report.seconds:.1f} s{'; stopped early' if report.is_stopped else ''}"
            )
        if report.failures or report.is_stopped:
            sys.exit(1)

    def _status(self, options):
        status = fleet_status()
        if options["json"]:
            self.stdout.write(json.dumps(status.as_json()))
            return
        for version, count in sorted(status.versions.items(), key=lambda item: -item[1]):
            mark = " (this code's)" if version == status.version else ""
            self.stdout.write(f"{count:>7} storefronts at {version[:12]}{mark}")
        for row in status.unwell:
            why = (
                f": {row['migration']}: {row['error']}"
                if row["error"]
                else f": lacks {', '.join(row['lacks'])}"
            )
            self.stdout.write(f"{row['storefront']} ({row['schema']}) is {row['state']}{why}")
        self.stdout.write(
            ", ".join(f"{count} {state}" for state, count in sorted(status.states.items()))
            or "no storefronts"
        )
        if citus_version():
            for node, count in sorted(Counter(place.node for place in places()).items()):
                self.stdout.write(f"{count:>7} schemas on {node or 'the coordinator, not distributed'}")

    def _plan(self, options):
        planned = plan_fleet()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in planned]))
            return
        for each in planned:
            self.stdout.write(f"{each.migration} on {each.storefronts} storefronts ({each.kind})")
            for table, mode in each.locks.items():
                self.stdout.write(f"    {mode} on {table}")
            for statement in each.sql:
                self.stdout.write(f"    {statement}")
        self.stdout.write(f"{len(planned)} migrations would run")

    def _check(self, options):
        with tqdm(unit=" storefronts", disable=options["json"] or not sys.stderr.isatty()) as bar:
            found = list(check_fleet(on_progress=bar.update))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(each) for each in found]))
        else:
            for each in found:
                self.stdout.write(f"{each.slug} ({each.schema_name}) {each.problem}")
                for line in each.lines:
                    self.stdout.write(f"    {line}")
            self.stdout.write(f"{len(found)} schemas have drifted")
        if found:
            sys.exit(1)

    def _record(self, options):
        script = record_script()
        if not options["check"]:
            SCRIPT.write_text(script)
            self.stdout.write(f"{SCRIPT.name} written: {len(script)} characters")
        elif script != SCRIPT.read_text():
            self.stderr.write("The recorded script is out of date: run `manage.py fleet record`.")
            sys.exit(1)

    def _distribute(self, options):
        bar = tqdm(unit=" schemas", disable=options["json"], mininterval=0.5)

        def note(outcome):
            if outcome.error:
                bar.write(f"{outcome.slug or outcome.schema_name}: {outcome.error}", file=sys.stderr)
            bar.update()

        with bar:
            report = distribute_fleet(only=options["only"], on_start=bar.reset, on_outcome=note)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            for node, count in sorted(
                Counter(each.node for each in report.outcomes if not each.error).items()
            ):
                self.stdout.write(f"{count:>7} schemas went to {node}")
            self.stdout.write(
                f"{len(report.outcomes) - len(report.failures)} distributed, {report.there_already} were already,"
                f" {len(report.failures)} failed, in {report.seconds:.1f} s"
            )
        if report.failures:
            sys.exit(1)

    def _place(self, options):
        place = move_storefront(slug=options["storefront"], node=options["node"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(place)))
        else:
            self.stdout.write(f"{place.slug} ({place.schema_name}) is on {place.node}")
