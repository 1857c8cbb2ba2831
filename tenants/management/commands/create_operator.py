import os

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError
from services.auth_services import make_operator


class Command(BaseCommand):
    help = "Makes a person an operator of the marketplace, with a password from --password or SOUK_OPERATOR_PASSWORD."

    def add_arguments(self, parser):
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", default="")

    def handle(self, *, email, password, **options):
        password = password or os.environ.get("SOUK_OPERATOR_PASSWORD", "")
        if not password:
            raise CommandError("Give --password, or set SOUK_OPERATOR_PASSWORD.")
        try:
            user = make_operator(email=email, password=password)
        except DomainError as error:
            raise CommandError(error.sentence) from error
        self.stdout.write(f"{user.email} is an operator")
