"""What Stripe still wants to know, in words people understand."""

import re

import pytest

from payouts.models import SellerAccount
from services.account_services import apply_account, open_account, sync_account
from shop.web.dashboard.requirement_words import DISABLED, OF_ACCOUNT, OF_PEOPLE, missing, sentence, sentences
from tests.factories.tenants import add_member
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("individual.first_name", "The name"),
        ("individual.dob.day", "The date of birth"),
        ("individual.verification.document", "A picture of a passport or identity card"),
        ("individual.verification.additional_document", "A document that shows the home address"),
        ("individual.address.line1", "The home address"),
        ("individual.id_number", "The number of an identity document"),
        ("company.tax_id", "The company's tax or registration number"),
        ("company.address.postal_code", "The address of the company"),
        ("company.verification.document", "A document that proves that the company exists"),
        ("representative.dob.year", "The date of birth (who represents the business)"),
        ("representative.relationship.title", "The position in the business (who represents the business)"),
        ("owners.first_name", "The name (the owners)"),
        (
            "person_1MxYzAbCdEf.verification.document",
            "A picture of a passport or identity card (a person of the business)",
        ),
        ("person_1MxYzAbCdEf.some_new_thing", "Some new thing (a person of the business)"),
        ("external_account", "The bank account that payouts go to"),
        ("business_profile.url", "The address of your shop on the web"),
        ("business_profile.mcc", "What line of business you are in"),
        ("business_profile.product_description", "What you sell, in a few words"),
        ("tos_acceptance.date", "That you accept Stripe's terms"),
        ("tos_acceptance.ip", "That you accept Stripe's terms"),
        ("documents.brand_new.files", "Documents: brand new files"),
        ("interv_x1.some_form", "Interv x1: some form"),
        ("person_", "Person "),
        ("", ""),
    ],
)
def test_a_requirement_is_a_sentence(name, said):
    assert sentence(name) == said


def test_no_words_have_stripe_s_names_in_them():
    names = [
        *OF_ACCOUNT,
        *(f"{who}.{name}" for name in OF_PEOPLE for who in ("individual", "person_1", "owners")),
    ]

    assert not [name for name in names if re.search(r"[_.]", sentence(name))]


def test_what_is_asked_together_is_said_once():
    names = ["individual.dob.day", "individual.dob.month", "individual.dob.year", "individual.last_name"]

    assert sentences(names) == ["The date of birth", "The name"]


def test_what_is_overdue_is_not_said_again_below():
    found = missing(
        {
            "past_due": ["external_account"],
            "currently_due": ["external_account", "company.tax_id"],
            "eventually_due": ["external_account", "company.tax_id", "business_profile.url"],
            "current_deadline": 1_798_761_600,
            "disabled_reason": "requirements.past_due",
        }
    )

    assert found.overdue == ["The bank account that payouts go to"]
    assert found.now == ["The company's tax or registration number"]
    assert found.later == ["The address of your shop on the web"]
    assert f"{found.deadline:%Y-%m-%d}" == "2027-01-01"
    assert found.disabled == str(DISABLED["requirements.past_due"])


@pytest.mark.parametrize(
    "nothing", [None, {}, {"currently_due": None, "past_due": None, "disabled_reason": None}]
)
def test_nothing_is_missing_where_stripe_says_nothing(nothing):
    assert not missing(nothing).is_something
    assert missing(nothing).disabled == ""


def test_a_reason_that_nobody_has_named_stays_readable():
    assert missing({"disabled_reason": "rejected.some_day"}).disabled == "Rejected: some day"


def test_all_that_is_missing_is_on_the_page_by_urgency(owner, django_assert_max_num_queries):  # noqa: F811
    SellerAccount.objects.filter(tenant=owner.tenant).update(
        requirements={
            "past_due": ["individual.verification.document"],
            "currently_due": ["individual.verification.document", "external_account"],
            "eventually_due": ["business_profile.url", "<script>alert(1)</script>"],
            "pending_verification": ["individual.id_number"],
            "errors": [{"code": "x", "reason": "The picture is too dark. <script>alert(2)</script>"}],
            "current_deadline": 1_798_761_600,
            "disabled_reason": "requirements.past_due",
        }
    )

    with django_assert_max_num_queries(12):
        owner.get("/dashboard/bank")

    places = [
        owner.text.index(said)
        for said in (
            "Stripe has paused your payouts, as something is overdue.",
            "The picture is too dark.",
            ">Overdue<",
            "A picture of a passport",
            "January 1, 2027",
            "The bank account that payouts go to",
            ">Later<",
            "The address of your shop on the web",
            ">Being looked at<",
            "The number of an identity document",
        )
    ]
    assert places == sorted(places)
    assert "<script>alert" not in owner.text
    assert owner.text.count("A picture of a passport") == 1


def test_what_stripe_says_is_kept(serving, stripe_local):
    account = open_account(tenant_id=serving.pk)
    found = {
        "id": account.stripe_account_id,
        "requirements": {
            "currently_due": ["external_account"],
            "eventually_due": ["business_profile.url"],
            "past_due": [],
            "pending_verification": [],
            "current_deadline": 1_798_761_600,
            "disabled_reason": None,
            "alternatives": ["left out"],
        },
    }

    kept = apply_account(found).requirements

    assert kept == {
        "currently_due": ["external_account"],
        "past_due": [],
        "disabled_reason": None,
        "eventually_due": ["business_profile.url"],
        "current_deadline": 1_798_761_600,
    }


def test_the_states_of_transfers_and_payouts_are_said(owner, stripe_local):  # noqa: F811
    account = open_account(tenant_id=owner.tenant.pk)
    owner.get("/dashboard/bank")
    assert owner.text.count(">Off<") == 2
    stripe_local.onboard(account.stripe_account_id)
    sync_account(stripe_account_id=account.stripe_account_id)

    owner.get("/dashboard/bank")
    assert owner.text.count(">On<") == 2
    assert "Change it at Stripe" in owner.text

    stripe_local.control(f"accounts/{account.stripe_account_id}/restrict", reason="requirements.past_due")
    owner.get("/dashboard/bank?back=1")
    assert "Stripe has paused your payouts, as something is overdue." in owner.text


@pytest.mark.parametrize("role", ["manager", "support", "fulfilment"])
def test_nobody_else_goes_to_the_bank(serving, role):
    browser = sign_in(Browser(serving), add_member(serving, role))

    assert browser.get("/dashboard/bank").status_code == 403
    assert browser.post("/dashboard/bank").status_code == 403
