"""What Stripe still wants to know of a seller, as sentences.

Stripe names a requirement by where it belongs (docs.stripe.com/connect/required-verification-information): a part of the
account (`company.tax_id`), or of a person (`person_1Abc.dob.day`, `representative.address.city`). What is asked together is one
sentence. A name that nobody has written down here stays readable.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

PERSON = re.compile(r"^person_[A-Za-z0-9]+$")
# The first part of a name -> whom it is about.
WHO: dict[str, Any] = {
    "individual": gettext_lazy("you"),
    "representative": gettext_lazy("who represents the business"),
    "owners": gettext_lazy("the owners"),
    "directors": gettext_lazy("the directors"),
    "executives": gettext_lazy("the executives"),
    "person": gettext_lazy("a person of the business"),
}
# What is asked about a person: the longest beginning that fits wins.
OF_PEOPLE: dict[str, Any] = {
    "first_name": gettext_lazy("The name"),
    "last_name": gettext_lazy("The name"),
    "first_name_kana": gettext_lazy("The name"),
    "last_name_kana": gettext_lazy("The name"),
    "full_name_aliases": gettext_lazy("Other names"),
    "dob": gettext_lazy("The date of birth"),
    "address": gettext_lazy("The home address"),
    "registered_address": gettext_lazy("The registered address"),
    "email": gettext_lazy("An e-mail address"),
    "phone": gettext_lazy("A telephone number"),
    "nationality": gettext_lazy("The nationality"),
    "political_exposure": gettext_lazy("Whether a political office is held"),
    "id_number": gettext_lazy("The number of an identity document"),
    "ssn_last_4": gettext_lazy("The last four digits of the Social Security number"),
    "relationship.title": gettext_lazy("The position in the business"),
    "relationship.percent_ownership": gettext_lazy("How much of the business is owned"),
    "relationship.owner": gettext_lazy("Whether they own a part of the business"),
    "relationship.executive": gettext_lazy("Whether they lead the business"),
    "relationship.director": gettext_lazy("Whether they are a director"),
    "relationship": gettext_lazy("The position in the business"),
    "verification.document": gettext_lazy("A picture of a passport or identity card"),
    "verification.additional_document": gettext_lazy("A document that shows the home address"),
    "verification.proof_of_liveness": gettext_lazy("A picture of the face"),
    "verification": gettext_lazy("A document that proves who it is"),
    "documents.company_authorization": gettext_lazy("A paper that allows to act for the business"),
    "documents.passport": gettext_lazy("A picture of the passport"),
    "documents.visa": gettext_lazy("A picture of the visa"),
}
# What is asked about the account itself.
OF_ACCOUNT: dict[str, Any] = {
    "external_account": gettext_lazy("The bank account that payouts go to"),
    "tos_acceptance": gettext_lazy("That you accept Stripe's terms"),
    "business_type": gettext_lazy("Whether you sell as a person or as a company"),
    "business_profile.url": gettext_lazy("The address of your shop on the web"),
    "business_profile.mcc": gettext_lazy("What line of business you are in"),
    "business_profile.product_description": gettext_lazy("What you sell, in a few words"),
    "business_profile.name": gettext_lazy("The name of your business as buyers know it"),
    "business_profile.support_phone": gettext_lazy("A telephone number for buyers"),
    "business_profile.support_email": gettext_lazy("An e-mail address for buyers"),
    "business_profile.support_address": gettext_lazy("An address for buyers"),
    "business_profile.annual_revenue": gettext_lazy("What you sell in a year"),
    "business_profile.estimated_worker_count": gettext_lazy("How many people work for you"),
    "business_profile": gettext_lazy("What your business is"),
    "email": gettext_lazy("Your e-mail address"),
    "country": gettext_lazy("The country of the business"),
    "default_currency": gettext_lazy("The currency of your payouts"),
    "company.name": gettext_lazy("The legal name of the company"),
    "company.address": gettext_lazy("The address of the company"),
    "company.phone": gettext_lazy("The company's telephone number"),
    "company.tax_id": gettext_lazy("The company's tax or registration number"),
    "company.vat_id": gettext_lazy("The company's VAT number"),
    "company.registration_number": gettext_lazy("The company's registration number"),
    "company.structure": gettext_lazy("What kind of company it is"),
    "company.owners_provided": gettext_lazy("That all owners are named"),
    "company.directors_provided": gettext_lazy("That all directors are named"),
    "company.executives_provided": gettext_lazy("That all executives are named"),
    "company.ownership_declaration": gettext_lazy("That the owners you have named are right"),
    "company.verification": gettext_lazy("A document that proves that the company exists"),
    "company.directorship_declaration": gettext_lazy("That the directors you have named are right"),
    "documents.bank_account_ownership_verification": gettext_lazy(
        "A document that shows that the bank account is yours"
    ),
    "documents.company_license": gettext_lazy("The licence of the company"),
    "documents.company_memorandum_of_association": gettext_lazy("The articles of the company"),
    "documents.company_registration_verification": gettext_lazy("The company's entry in the register"),
    "documents.company_tax_id_verification": gettext_lazy("A document with the company's tax number"),
    "documents.proof_of_registration": gettext_lazy("A document that proves the registration"),
    "settings.payments.statement_descriptor": gettext_lazy("What buyers read on their bank statement"),
    "settings.card_payments": gettext_lazy("What buyers read on their bank statement"),
}
DISABLED: dict[str, Any] = {
    "requirements.past_due": gettext_lazy("Stripe has paused your payouts, as something is overdue."),
    "requirements.pending_verification": gettext_lazy(
        "Stripe is looking at what you sent; payouts wait for it."
    ),
    "action_required.requested_capabilities": gettext_lazy("Something has to be asked for at Stripe first."),
    "listed": gettext_lazy("Stripe compares your details with lists of banned persons."),
    "platform_paused": gettext_lazy("The marketplace has paused this account."),
    "rejected.fraud": gettext_lazy("Stripe has closed this account for suspected fraud."),
    "rejected.incomplete_verification": gettext_lazy(
        "Stripe has closed this account, as it was not verified."
    ),
    "rejected.listed": gettext_lazy(
        "Stripe has closed this account: the name is on a list of banned persons."
    ),
    "rejected.other": gettext_lazy("Stripe has closed this account."),
    "rejected.platform_fraud": gettext_lazy("The marketplace has closed this account for suspected fraud."),
    "rejected.platform_other": gettext_lazy("The marketplace has closed this account."),
    "rejected.platform_terms_of_service": gettext_lazy(
        "The marketplace has closed this account, as its terms were not kept."
    ),
    "rejected.terms_of_service": gettext_lazy("Stripe has closed this account, as its terms were not kept."),
    "under_review": gettext_lazy("Stripe looks at this account."),
    "other": gettext_lazy("Stripe has paused this account."),
}


def sentence(name: str) -> str:
    """One requirement in words, for whom it is about."""
    start, _dot, rest = name.partition(".")
    start = "person" if PERSON.match(start) else start
    if start in WHO:
        found = _longest(rest, OF_PEOPLE) if rest else ""
        asked = str(found) if found else (_readable(rest) or _("Who it is"))
        return (
            _("%(what)s (%(who)s)") % {"what": asked, "who": WHO[start]} if start != "individual" else asked
        )
    found = _longest(name, OF_ACCOUNT)
    return str(found) if found else _readable(name)


def _longest(name: str, known: Mapping[str, Any]) -> Any:
    """The words for the longest beginning of a dotted name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if found := known.get(".".join(parts[:length])):
            return found
    return None


def _readable(name: str) -> str:
    """`documents.some_paper.files` -> "Documents: some paper files"."""
    start, dot, rest = str(name)[:200].replace("_", " ").partition(".")
    return f"{start.capitalize()}: {rest.replace('.', ' ')}" if dot else start.capitalize()


def sentences(names: Iterable[Any]) -> list[str]:
    """Each once, in the order Stripe names them: day, month and year of birth are one."""
    return list(dict.fromkeys(sentence(str(name)) for name in names))


@dataclass(frozen=True)
class Missing:
    """What is missing, by how urgent it is, and what Stripe has already done about it."""

    overdue: list[str]
    now: list[str]
    later: list[str]
    looked_at: list[str]
    errors: list[str]
    deadline: datetime | None
    disabled: str

    @property
    def is_something(self) -> bool:
        """Whether the seller has anything to do."""
        return bool(self.overdue or self.now or self.later)


def missing(requirements: Mapping[str, Any] | None) -> Missing:
    """A seller account's `requirements`; what is overdue is not said again below."""
    asked = requirements or {}
    overdue = sentences(asked.get("past_due") or [])
    due = [text for text in sentences(asked.get("currently_due") or []) if text not in overdue]
    later = [
        text
        for text in sentences(asked.get("eventually_due") or [])
        if text not in overdue and text not in due
    ]
    deadline = asked.get("current_deadline")
    reason = str(asked.get("disabled_reason") or "")
    return Missing(
        overdue=overdue,
        now=due,
        later=later,
        looked_at=sentences(asked.get("pending_verification") or []),
        errors=[str(error.get("reason", ""))[:300] for error in asked.get("errors") or []],
        deadline=datetime.fromtimestamp(deadline, UTC) if isinstance(deadline, int) else None,
        disabled=str(DISABLED.get(reason) or _readable(reason)) if reason else "",
    )
