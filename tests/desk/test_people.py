"""People at the desk, and the log of what was done."""

import re
from datetime import timedelta

import pytest

from core.clock import now
from services.audit_services import record_audit
from services.auth_services import check_credentials, open_session, set_user_active
from tenants.models import AuditEntry, Session, User
from tests.desk.conftest import Desk
from tests.factories.tenants import PASSWORD, add_member, make_operator, make_user, owner_of
from tests.tenancy.support import ELSEWHERE, ask, tokens


def found(desk, query: str = "") -> list[str]:
    """The ids of the people listed."""
    assert desk.get(f"/desk/people{query}").status_code == 200
    return re.findall(r'row-link" href="/desk/people/([0-9a-f-]{36})"', desk.text)


# Finding ----------------------------------------------------------------------------------------------------------


def test_people_are_found_by_the_beginning_of_their_mail_and_by_name(desk, tenant):
    ada = make_user(email="ada@lovelace.example", name="Ada Lovelace")
    make_user(email="zoe@elsewhere.example", name="Zoe")

    for q in ("ada@love", "ADA@", "lovel", "Lovelace", "elace.exam"):
        assert found(desk, f"?q={q}") == [str(ada.pk)], q
    assert found(desk, "?q=nobody-like-that") == []
    assert "Nobody is like that" in desk.text


def test_they_are_filtered(desk, tenant):
    member, off = add_member(tenant, "support"), make_user(is_active=False)

    assert found(desk, "?kind=operators") == [str(desk.person.pk)]
    assert set(found(desk, "?kind=sellers")) == {str(member.pk), str(owner_of(tenant).pk)}
    assert found(desk, "?kind=disabled") == [str(off.pk)]


def test_a_row_says_where_they_work_and_how_often_they_are_signed_in(desk, tenant):
    seller = owner_of(tenant)
    for _ in range(3):
        open_session(user=seller, tenant=tenant)
    Session.objects.filter(pk=Session.objects.filter(user=seller).first().pk).update(revoked_at=now())

    found(desk, f"?q={seller.email}")

    assert tenant.name in desk.text
    assert re.search(r'data-label="Sessions">2<', desk.text)


def test_many_people_are_paged_and_few_questions_asked(desk, django_assert_max_num_queries):
    User.objects.bulk_create(User(email=f"bulk{number}@example.com", password="!") for number in range(120))

    with django_assert_max_num_queries(12):
        first = found(desk)
    following = re.search(r'href="(\?before=[0-9a-f-]+)" ?', desk.text) or re.search(
        r'rel="next" href="([^"]+)"', desk.text
    )
    second = found(desk, following[1])

    assert len(first) == 50
    assert len(second) == 50
    assert not set(first) & set(second)


@pytest.mark.parametrize("query", ["?kind=x", "?before=x", "?q=%00", "?before=" + "f" * 32])
def test_what_cannot_be_understood_is_left_out(desk, query):
    assert found(desk, query)


# One of them ------------------------------------------------------------------------------------------------------


def test_a_page_says_who_somebody_is(desk, tenant, django_assert_max_num_queries):
    seller = owner_of(tenant)
    open_session(user=seller, tenant=tenant)
    record_audit("tenant.settings_changed", actor_id=seller.pk, tenant=tenant, reason="<i>mine</i>")

    with django_assert_max_num_queries(12):
        desk.get(f"/desk/people/{seller.pk}")

    for text in (seller.email, tenant.name, "tenant.settings_changed", "&lt;i&gt;mine&lt;/i&gt;"):
        assert text in desk.text
    assert desk.get(f"/desk/people/{ELSEWHERE}").status_code == 404


def test_somebody_is_disabled_and_enabled_again_with_a_reason(desk, tenant):
    seller = owner_of(tenant)
    token = tokens(seller, tenant).access
    assert ask(tenant.host, "GET", "/api/v1/me", token=token).status_code == 200

    desk.post(f"/desk/people/{seller.pk}", {"action": "disable", "reason": "account was taken over"})

    assert ask(tenant.host, "GET", "/api/v1/me", token=token).status_code == 401
    assert not User.objects.get(pk=seller.pk).is_active
    desk.post(f"/desk/people/{seller.pk}", {"action": "enable", "reason": "given back"})
    assert User.objects.get(pk=seller.pk).is_active
    assert ask(tenant.host, "GET", "/api/v1/me", token=token).status_code == 401
    lines = AuditEntry.objects.order_by("at")
    assert [(line.action, line.reason, line.actor_id, line.facts["user"]) for line in lines] == [
        ("user.disabled", "account was taken over", desk.person.pk, str(seller.pk)),
        ("user.enabled", "given back", desk.person.pk, str(seller.pk)),
    ]


def test_somebody_is_signed_out_everywhere(desk, tenant, other_tenant):
    seller = owner_of(tenant)
    here, there = tokens(seller, tenant), tokens(seller, other_tenant)

    desk.post(f"/desk/people/{seller.pk}", {"action": "sign-out", "reason": "a lost phone"})

    for place, pair in ((tenant, here), (other_tenant, there)):
        assert ask(place.host, "GET", "/api/v1/me", token=pair.access).status_code == 401
        body = {"refresh": pair.refresh}
        assert ask(place.host, "POST", "/api/v1/auth/refresh", body).status_code == 401
    line = AuditEntry.objects.get(action="user.signed_out")
    assert (line.reason, line.facts["sessions"]) == ("a lost phone", "2")
    assert check_credentials(email=seller.email, password=PASSWORD, address="1.2.3.4") == seller


def test_another_operator_who_is_signed_out_has_to_sign_in_at_the_desk_again(desk):
    other = Desk(make_operator())
    assert other.get("/desk").status_code == 200

    desk.post(f"/desk/people/{other.person.pk}", {"action": "sign-out", "reason": "a lost laptop"})

    assert other.get("/desk").status_code == 302
    assert desk.get("/desk").status_code == 200


def test_operators_do_not_disable_themselves(desk):
    me = desk.person
    desk.get(f"/desk/people/{me.pk}")
    assert 'value="disable"' not in desk.text

    answer = desk.post(f"/desk/people/{me.pk}", {"action": "disable", "reason": "enough"})

    assert answer.status_code == 409
    assert "You cannot disable yourself" in desk.text
    assert User.objects.get(pk=me.pk).is_active


@pytest.mark.parametrize("action", ["disable", "enable", "sign-out"])
def test_without_a_reason_nothing_happens(desk, action):
    person = make_user()

    answer = desk.post(f"/desk/people/{person.pk}", {"action": action, "reason": " "})

    assert answer.status_code == 400
    assert User.objects.get(pk=person.pk).is_active
    assert User.objects.get(pk=person.pk).token_version == person.token_version
    assert not AuditEntry.objects.exists()
    assert desk.post(f"/desk/people/{ELSEWHERE}", {"action": action, "reason": "x"}).status_code == 404


def test_a_hash_that_is_made_anew_signs_nobody_out(tenant, settings):
    """Ours have become stronger since the password was set: who signs in now is signed in."""
    seller = owner_of(tenant)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]

    known = check_credentials(email=seller.email, password=PASSWORD, address="1.2.3.4")

    assert User.objects.get(pk=seller.pk).password.startswith("pbkdf2")
    token = open_session(user=known, tenant=tenant).access
    assert ask(tenant.host, "GET", "/api/v1/me", token=token).status_code == 200


# The log ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(desk, tenant, other_tenant) -> dict[str, AuditEntry]:
    seller = owner_of(tenant)
    lines = {
        "old": record_audit("tenant.suspend", actor_id=desk.person.pk, tenant=tenant, reason="<old>"),
        "membership": record_audit("membership.set", actor_id=seller.pk, tenant=tenant, role="manager"),
        "other": record_audit("tenant.close", actor_id=desk.person.pk, tenant=other_tenant, reason="other"),
        "nobody": record_audit("payout.made", actor_id=None, payout="p-1"),
    }
    AuditEntry.objects.filter(pk=lines["old"].pk).update(at=now() - timedelta(days=40))
    return lines


def shown(desk, query: str = "") -> list[str]:
    assert desk.get(f"/desk/audit{query}").status_code == 200
    return re.findall(r'desk-name"><span>([a-z_.]+)</span>', desk.text)


def test_the_log_is_newest_first_with_who_and_why(desk, log, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        assert shown(desk) == ["payout.made", "tenant.close", "membership.set", "tenant.suspend"]

    assert desk.person.email in desk.text
    assert "Souk itself" in desk.text
    assert "&lt;old&gt;" in desk.text


def test_the_log_is_filtered_by_action_storefront_person_and_days(desk, tenant, log):
    today, earlier = now().date(), (now() - timedelta(days=40)).date()

    assert shown(desk, "?action=tenant.") == ["tenant.close", "tenant.suspend"]
    assert shown(desk, f"?storefront={tenant.slug}") == ["membership.set", "tenant.suspend"]
    assert shown(desk, f"?person={owner_of(tenant).email}") == ["membership.set"]
    assert shown(desk, "?person=olga") == ["tenant.close", "tenant.suspend"]
    assert shown(desk, f"?until={earlier}") == ["tenant.suspend"]
    assert shown(desk, f"?since={today}&action=tenant") == ["tenant.close"]
    assert shown(desk, "?person=nobody@nowhere") == []
    assert shown(desk, "?since=yesterday&before=x") == shown(desk)


def test_the_log_is_found_by_whom_something_was_done_to(desk, tenant):
    seller = owner_of(tenant)
    set_user_active(user_id=seller.pk, is_active=False, actor_id=desk.person.pk, reason="x")

    assert shown(desk, f"?person={seller.email}") == ["user.disabled"]


def test_a_long_log_is_paged_without_gaps(desk, tenant):
    for number in range(120):
        record_audit("tenant.suspend", actor_id=desk.person.pk, tenant=tenant, reason=f"no {number}")

    seen, query = [], "?action=tenant"
    for _ in range(3):
        desk.get(f"/desk/audit{query}")
        seen += re.findall(r"“no (\d+)”", desk.text)
        following = re.search(r'rel="next" href="([^"]+)"', desk.text)
        query = following[1].replace("&amp;", "&") if following else ""

    assert seen == [str(number) for number in range(119, -1, -1)]
    assert query == ""
