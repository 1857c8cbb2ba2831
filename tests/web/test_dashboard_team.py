"""Team, notifications and settings as the staff meets them."""

from uuid import uuid4

import pytest
from django.core import mail

from core.clock import now
from core.errors import Invalid
from core.models import Job
from payouts.models import SellerAccount
from services.notification_services import notify
from services.support_services import note_support_page, open_support_view
from services.team_services import HasJoined, OwnerStays, change_role, resend_invitation
from services.tenant_services import set_membership
from shop.models import Notification
from tenants.models import AuditEntry, Membership, Role, Tenant
from tests.factories.jobs import queued, run_jobs
from tests.factories.shop import make_order, make_variant
from tests.factories.tenants import add_member, make_operator, make_user, owner_of
from tests.web.test_dashboard import owner, sign_in  # noqa: F401 - fixtures
from tests.web.test_storefront import Browser

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def manager(serving) -> Browser:
    return sign_in(Browser(serving), add_member(serving, "manager"))


def member(tenant: Tenant, user) -> Membership:
    return Membership.objects.get(tenant=tenant, user=user)


def audited(action: str) -> dict:
    return AuditEntry.objects.filter(action=action).latest("at").facts


# The team ---------------------------------------------------------------------------------------------------------


def test_the_owner_invites_by_mail_and_the_role_counts_once_the_mailbox_is_proved(owner):  # noqa: F811
    response = owner.post(
        "/dashboard/team", {"action": "invite", "email": " New@Example.com", "role": "fulfilment"}
    )

    assert response["Location"] == "/dashboard/team?done=invited"
    row = Membership.objects.get(user__email="new@example.com")
    assert row.role == "fulfilment"
    owner.get(response["Location"])
    assert ">Invited<" in owner.text
    Job.objects.exclude(task="mail.mailbox_proof").delete()
    run_jobs()
    (message,) = mail.outbox
    assert message.to == ["new@example.com"]
    assert message.subject == f"{owner.tenant.name} invites you to its team"
    assert f"{owner.tenant.url}/account/confirm#" in message.body
    assert audited("membership.set") == {"user": str(row.user_id), "role": "fulfilment"}


def test_who_is_known_belongs_to_the_team_at_once_and_is_told(owner):  # noqa: F811
    known = make_user(email_verified_at=now())

    owner.post("/dashboard/team", {"action": "invite", "email": known.email, "role": "support"})

    told = Notification.objects.get(type="team_joined")
    assert (told.recipient_id, told.email) == (known.pk, known.email)
    assert f"{owner.tenant.url}/dashboard" in told.message
    assert not queued("mail.mailbox_proof")
    owner.get("/dashboard/team")
    assert owner.text.count(">Has joined<") == 2
    # Another role is no news of joining.
    owner.post("/dashboard/team", {"action": "invite", "email": known.email, "role": "manager"})
    assert Notification.objects.filter(type="team_joined").count() == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"email": "no address", "role": "support"}, "Enter a valid email address."),
        ({"email": "", "role": "support"}, "This field is required."),
        ({"email": "a@example.com", "role": "owner"}, "Select a valid choice."),
        ({"email": "a@example.com", "role": "king"}, "Select a valid choice."),
        ({"email": f"{'a' * 250}@example.com", "role": "support"}, "at most 254"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_explained(owner, form, said):  # noqa: F811
    assert owner.post("/dashboard/team", {"action": "invite", **form}).status_code == 400

    assert said in owner.text
    assert Membership.objects.count() == 1


def test_the_owner_cannot_be_invited_to_less(owner):  # noqa: F811
    form = {"action": "invite", "email": owner_of(owner.tenant).email, "role": "support"}

    assert owner.post("/dashboard/team", form).status_code == 400

    assert "The owner&#x27;s role cannot be changed." in owner.text
    assert Membership.objects.get().role == Role.OWNER


def test_a_role_is_changed_from_the_next_click_on(owner):  # noqa: F811
    user = add_member(owner.tenant, "support")
    theirs, row = sign_in(Browser(owner.tenant), user), member(owner.tenant, user)
    assert theirs.get("/dashboard/settings").status_code == 403

    owner.post("/dashboard/team", {"action": "role", "member": row.pk, "role": "manager"})

    assert theirs.get("/dashboard/settings").status_code == 200
    assert audited("membership.role_changed") == {
        "user": str(user.pk),
        "role": "manager",
        "before": "support",
    }
    owner.post("/dashboard/team", {"action": "role", "member": row.pk, "role": "manager"})
    assert AuditEntry.objects.filter(action="membership.role_changed").count() == 1


@pytest.mark.parametrize("role", ["owner", "king", ""])
def test_there_are_no_other_roles_to_give(owner, role):  # noqa: F811
    row = member(owner.tenant, add_member(owner.tenant, "support"))

    answer = owner.post("/dashboard/team", {"action": "role", "member": row.pk, "role": role})

    assert answer.status_code == 400
    row.refresh_from_db()
    assert row.role == "support"


def test_who_is_removed_is_out_with_the_next_click(owner):  # noqa: F811
    user = add_member(owner.tenant, "manager")
    theirs = sign_in(Browser(owner.tenant), user)
    assert theirs.get("/dashboard").status_code == 200

    response = owner.post("/dashboard/team", {"action": "remove", "member": member(owner.tenant, user).pk})

    assert response["Location"] == "/dashboard/team?done=removed"
    assert theirs.get("/dashboard").status_code == 403
    assert audited("membership.removed") == {"user": str(user.pk)}


@pytest.mark.parametrize("action", ["remove", "role", "again"])
def test_the_owner_stays(owner, action):  # noqa: F811
    row = Membership.objects.get()
    owner.get("/dashboard/team")
    assert 'value="remove"' not in owner.text

    answer = owner.post("/dashboard/team", {"action": action, "member": row.pk, "role": "support"})

    assert answer.status_code == 409
    assert 'role="alert"' in owner.text
    row.refresh_from_db()
    assert row.role == Role.OWNER


def test_an_invitation_is_sent_again_but_not_for_ever(owner):  # noqa: F811
    row = set_membership(tenant_id=owner.tenant.pk, email="new@example.com", role="support", actor_id=uuid4())
    form = {"action": "again", "member": row.pk}

    for _ in range(5):
        assert owner.post("/dashboard/team", form).status_code == 302
    assert owner.post("/dashboard/team", form).status_code == 429
    assert "Too many attempts" in owner.text or "Try again in" in owner.text
    assert len(queued("mail.mailbox_proof")) == 6
    assert audited("membership.invited_again") == {"user": str(row.user_id)}


def test_who_has_joined_is_not_invited_again(serving):
    row = member(serving, add_member(serving, "support"))

    with pytest.raises(HasJoined):
        resend_invitation(tenant_id=serving.pk, membership_id=row.pk, actor_id=uuid4())
    assert not queued("mail.mailbox_proof")


def test_the_service_knows_the_owner_and_the_roles_by_itself(serving):
    row = Membership.objects.get()

    with pytest.raises(OwnerStays):
        change_role(tenant_id=serving.pk, membership_id=row.pk, role="support", actor_id=uuid4())
    with pytest.raises(Invalid):
        change_role(tenant_id=serving.pk, membership_id=row.pk, role="owner", actor_id=uuid4())


@pytest.mark.parametrize("action", ["role", "remove", "again"])
def test_members_of_others_are_not_there(owner, other_tenant, action):  # noqa: F811
    theirs = add_member(other_tenant, "support")
    for pk in (member(other_tenant, theirs).pk, uuid4(), "x"):
        form = {"action": action, "member": pk, "role": "manager"}
        assert owner.post("/dashboard/team", form).status_code == 404
    assert member(other_tenant, theirs).role == "support"


def test_managers_look_at_the_team_and_others_do_not(manager):
    row = member(manager.tenant, add_member(manager.tenant, "support"))
    assert manager.get("/dashboard/team").status_code == 200
    assert "Invite somebody" not in manager.text
    assert 'name="action"' not in manager.text
    for form in (
        {"action": "invite", "email": "a@example.com", "role": "support"},
        {"action": "role", "member": row.pk, "role": "manager"},
        {"action": "remove", "member": row.pk},
        {"action": "again", "member": row.pk},
    ):
        assert manager.post("/dashboard/team", form).status_code == 403
    assert Membership.objects.count() == 3
    for role in ("support", "fulfilment"):
        browser = sign_in(Browser(manager.tenant), add_member(manager.tenant, role))
        assert browser.get("/dashboard/team").status_code == 403
        assert browser.get("/dashboard/settings").status_code == 403


def test_the_log_tells_who_did_what_and_the_marketplace_s_looks(owner):  # noqa: F811
    person = owner_of(owner.tenant)
    person.name = "Grace Hopper"
    person.save()
    user = add_member(owner.tenant, "support", make_user(name="Ada", email_verified_at=now()))
    owner.post(
        "/dashboard/team", {"action": "role", "member": member(owner.tenant, user).pk, "role": "manager"}
    )
    operator = make_operator(name="Olga Operator")
    open_support_view(tenant_id=owner.tenant.pk, operator_id=operator.pk, reason=f"Ticket 7 {HOSTILE}")
    note_support_page(operator_id=operator.pk, tenant=owner.tenant, page="dashboard/orders")
    AuditEntry.objects.create(action="secret.thing", tenant=owner.tenant, reason="not for the seller")

    owner.get("/dashboard/team")

    log = owner.text.split('class="history"')[1]
    assert "Grace Hopper" in log
    assert "changed a role" in log
    assert "Ada · Manager" in log
    assert "The marketplace" in log
    assert "Ticket 7 &lt;script&gt;" in log
    assert "dashboard/orders" in log
    assert "Olga" not in owner.text
    assert "not for the seller" not in owner.text


def test_names_are_shown_as_text(owner):  # noqa: F811
    add_member(owner.tenant, "support", make_user(name=HOSTILE, email_verified_at=now()))

    owner.get("/dashboard/team")

    assert "<script>alert" not in owner.text


def test_no_page_asks_more_than_twelve_questions(owner, django_assert_max_num_queries):  # noqa: F811
    for role in ("manager", "support", "fulfilment"):
        add_member(owner.tenant, role)
    for _ in range(4):
        make_order()

    for path in ("team", "notifications", "notifications?kind=stock&show=unread", "settings"):
        with django_assert_max_num_queries(12):
            assert owner.get(f"/dashboard/{path}").status_code == 200


# Notifications ----------------------------------------------------------------------------------------------------


def tell(type_: str = "order_paid", title: str = "New order #7", **fields) -> Notification:
    key = fields.pop("dedupe_key", f"staff:{uuid4()}")
    notify(type=type_, title=title, message="It is ready.", dedupe_key=key, for_staff=True, **fields)
    return Notification.objects.get(dedupe_key=key)


def test_what_was_told_leads_to_what_it_is_about(owner):  # noqa: F811
    order, variant = make_order(), make_variant()
    paid = tell(order_id=order.pk)
    low = tell("low_stock", "Low stock: Mug", dedupe_key=f"staff:low_stock:{variant.pk}:2026")
    tell("review_written", "A review")
    tell("something_new", "News")

    owner.get("/dashboard/notifications")
    assert owner.text.count('class="is-unread"') == 4

    def opened(row: Notification) -> str:
        form = {"action": "open", "notification": row.pk}
        return owner.post("/dashboard/notifications", form)["Location"]

    assert opened(paid) == f"/dashboard/orders/{order.pk}"
    assert opened(low) == f"/dashboard/inventory/{variant.pk}"
    assert opened(Notification.objects.get(type="review_written")) == "/dashboard/reviews"
    assert opened(Notification.objects.get(type="something_new")) == "/dashboard/notifications"
    assert not Notification.objects.filter(is_read=False, for_staff=True).exists()
    owner.get("/dashboard/notifications")
    assert f'href="/dashboard/orders/{order.pk}"' in owner.text


def test_one_is_marked_as_read_and_then_all(owner):  # noqa: F811
    one, two = tell(), tell()
    notify(type="x", title="x", message="x", dedupe_key="x", recipient_id=uuid4())

    owner.post("/dashboard/notifications?kind=orders", {"action": "read", "notification": one.pk})
    assert list(Notification.objects.filter(for_staff=True, is_read=False)) == [two]
    response = owner.post("/dashboard/notifications?kind=orders", {"action": "read-all"})
    assert response["Location"] == "/dashboard/notifications?kind=orders&done=read"
    assert not Notification.objects.filter(for_staff=True, is_read=False).exists()
    assert Notification.objects.filter(for_staff=False, is_read=False).count() == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"Paid", "Stock", "Old"}),
        ("kind=stock", {"Stock"}),
        ("kind=nonsense", {"Paid", "Stock", "Old"}),
        ("show=unread", {"Paid", "Stock"}),
        ("kind=orders&show=unread", {"Paid"}),
    ],
)
def test_the_list_is_narrowed(owner, query, found):  # noqa: F811
    tell(title="About Paid")
    tell("low_stock", "About Stock")
    Notification.objects.filter(pk=tell(title="About Old").pk).update(is_read=True)
    notify(type="order_paid", title="About Buyer", message="x", dedupe_key="b", recipient_id=uuid4())

    owner.get(f"/dashboard/notifications?{query}")

    assert {
        word
        for word in ("Paid", "Stock", "Old", "Buyer")
        if f"About {word}<" in owner.text or f"About {word} <" in owner.text
    } == found


def test_a_notification_of_somebody_else_is_not_there(owner):  # noqa: F811
    notify(type="x", title="x", message="x", dedupe_key="x", recipient_id=uuid4())
    theirs = Notification.objects.get(dedupe_key="x")

    for pk in (theirs.pk, uuid4(), "x"):
        form = {"action": "open", "notification": pk}
        assert owner.post("/dashboard/notifications", form).status_code == 404
    theirs.refresh_from_db()
    assert not theirs.is_read


def test_nobody_is_led_to_pages_of_other_roles(serving):
    packer = sign_in(Browser(serving), add_member(serving, "fulfilment"))
    tell("payout_sent", "Payout of 7")
    tell("account_restricted", "Stripe has paused your payouts")
    tell("dispute", HOSTILE)

    assert packer.get("/dashboard/notifications").status_code == 200
    assert 'value="open"' not in packer.text
    assert "<script>alert" not in packer.text


def test_the_list_goes_on(owner):  # noqa: F811
    for number in range(27):
        tell(title=f"Order {number:02}")

    owner.get("/dashboard/notifications")
    following = owner.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert owner.text.count('class="is-unread"') == 25
    owner.get(f"/dashboard/notifications{following}")
    assert owner.text.count('class="is-unread"') == 2


# Settings ---------------------------------------------------------------------------------------------------------

SHOP = {
    "action": "shop",
    "shop-name": "Kiln & Linen",
    "shop-support_email": "us@example.com",
    "shop-country": "AT",
    "shop-capture_method": "manual",
}


def test_the_shop_s_settings_are_the_managers(manager):
    manager.get("/dashboard/settings")
    assert "shop-listed" in manager.text

    assert manager.post("/dashboard/settings", SHOP)["Location"] == "/dashboard/settings?done=saved"

    tenant = Tenant.objects.get(pk=manager.tenant.pk)
    assert (tenant.name, tenant.support_email) == ("Kiln & Linen", "us@example.com")
    assert (tenant.country, tenant.capture_method) == ("AT", "manual")
    assert tenant.brand["listed"] is False
    assert tenant.brand["primary"] == manager.tenant.brand["primary"]
    manager.post("/dashboard/settings", {**SHOP, "shop-listed": "on"})
    assert Tenant.objects.get(pk=manager.tenant.pk).brand["listed"] is True


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shop-name": ""}, "This field is required."),
        ({"shop-name": "x" * 81}, "at most 80"),
        ({"shop-name": "a\u202eb"}, "invisible"),
        ({"shop-support_email": "nobody"}, "Enter a valid email address."),
        ({"shop-country": "XX"}, "Select a valid choice."),
        ({"shop-capture_method": "never"}, "Select a valid choice."),
    ],
)
def test_settings_that_make_no_sense_are_explained(owner, changes, said):  # noqa: F811
    before = owner.tenant.name

    assert owner.post("/dashboard/settings", {**SHOP, **changes}).status_code == 400

    assert said in owner.text
    tenant = Tenant.objects.get(pk=owner.tenant.pk)
    assert (tenant.name, tenant.capture_method) == (before, "automatic")


def test_clock_and_legal_details_are_the_owner_s(manager, owner):  # noqa: F811
    legal = {
        "action": "legal",
        "legal-legal_name": "Kiln & Linen GmbH",
        "legal-legal_address": "Weg 1\r\n1010 Wien",
        "legal-tax_id": "ATU123",
    }
    clock = {"action": "clock", "clock-time_zone": "Europe/Vienna"}
    for form in (legal, clock):
        assert manager.post("/dashboard/settings", form).status_code == 403
        assert owner.post("/dashboard/settings", form).status_code == 302

    account = SellerAccount.objects.get(tenant=owner.tenant)
    assert (account.legal_name, account.tax_id) == ("Kiln & Linen GmbH", "ATU123")
    assert account.legal_address == "Weg 1\n1010 Wien"
    assert account.time_zone == "Europe/Vienna"
    manager.get("/dashboard/settings")
    assert "Kiln &amp; Linen GmbH" in manager.text
    assert 'value="legal"' not in manager.text
    assert audited("seller.terms_changed") == {"time_zone": "Europe/Vienna"}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "europe/vienna"])
def test_a_clock_that_does_not_exist_is_refused(owner, zone):  # noqa: F811
    assert owner.post("/dashboard/settings", {"action": "clock", "clock-time_zone": zone}).status_code == 400

    assert SellerAccount.objects.get(tenant=owner.tenant).time_zone == "UTC"


def test_an_old_spelling_of_a_zone_that_is_set_can_be_kept(owner):  # noqa: F811
    SellerAccount.objects.filter(tenant=owner.tenant).update(time_zone="US/Pacific")

    owner.get("/dashboard/settings")

    assert 'value="US/Pacific" selected' in owner.text
    form = {"action": "clock", "clock-time_zone": "US/Pacific"}
    assert owner.post("/dashboard/settings", form).status_code == 302


def test_settings_are_shown_as_text(owner):  # noqa: F811
    owner.post("/dashboard/settings", {**SHOP, "shop-name": HOSTILE})
    owner.post("/dashboard/settings", {"action": "legal", "legal-legal_address": HOSTILE})

    owner.get("/dashboard/settings")

    assert "<script>alert" not in owner.text
    assert "/api/docs/storefront" in owner.text
