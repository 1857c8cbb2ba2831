"""A buyer's addresses: checked against their country, one of them the default, nobody else's."""

import pytest
from django.db import IntegrityError, transaction

from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from services.address_rules import check_phone
from services.address_services import MAX_ADDRESSES, own_address, remove_address, save_address
from shop.models import Address
from tests.factories.shop import ADDRESS, make_order

pytestmark = pytest.mark.usefixtures("serving")
ADA, GRACE = new_id(), new_id()


def save(user_id=ADA, **fields) -> Address:
    return save_address(user_id=user_id, **{**ADDRESS, **fields})


def defaults(user_id=ADA) -> list[str]:
    return [address.name for address in Address.objects.filter(user_id=user_id, is_default=True)]


def test_the_first_address_is_the_default_and_a_later_one_is_not():
    save(name="First")
    save(name="Second")
    assert defaults() == ["First"]


def test_a_new_default_takes_the_place_of_the_old_one():
    save(name="First")
    second = save(name="Second")
    save(name="Third", is_default=True)
    assert defaults() == ["Third"]

    save_address(user_id=ADA, address_id=second.pk, is_default=True)
    assert defaults() == ["Second"]


def test_there_is_always_a_default_to_fall_back_on():
    first = save(name="First")
    save_address(user_id=ADA, address_id=first.pk, is_default=False)
    assert defaults() == ["First"]


def test_when_the_default_goes_the_oldest_of_the_rest_takes_its_place():
    first = save(name="First")
    save(name="Second")
    save(name="Third")
    remove_address(user_id=ADA, address_id=first.pk)
    assert defaults() == ["Second"]


def test_when_the_last_one_goes_there_is_none():
    remove_address(user_id=ADA, address_id=save().pk)
    assert not Address.objects.exists()


def test_each_person_has_a_default_of_their_own():
    save(ADA, name="Ada")
    save(GRACE, name="Grace", is_default=True)
    assert (defaults(ADA), defaults(GRACE)) == (["Ada"], ["Grace"])


def test_somebody_elses_address_is_not_found():
    address = save(GRACE)
    for action in (
        lambda: own_address(user_id=ADA, address_id=address.pk),
        lambda: save_address(user_id=ADA, address_id=address.pk, name="Mine"),
        lambda: remove_address(user_id=ADA, address_id=address.pk),
    ):
        with pytest.raises(NotFound):
            action()
    assert own_address(user_id=GRACE, address_id=address.pk).name == ADDRESS["name"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"postal_code": "1011"}, "address.postal_code"),
        ({"postal_code": ""}, "address.postal_code"),
        ({"country": "XX"}, "address.country"),
        ({"country": "US", "region": "", "postal_code": "94103", "city": "San Francisco"}, "address.region"),
        ({"city": ""}, "address.city"),
    ],
)
def test_an_address_is_checked_against_its_country_and_the_field_is_named(fields, field):
    with pytest.raises(Invalid) as refusal:
        save(**fields)
    assert refusal.value.facts["field"] == field
    assert not Address.objects.exists()


def test_a_country_without_postal_codes_asks_for_none():
    assert save(country="HK", region="Kowloon", city="Mong Kok", postal_code="").country == "HK"


def test_changing_some_fields_keeps_the_others_and_is_checked_as_a_whole():
    address = save()
    assert save_address(user_id=ADA, address_id=address.pk, city="Potsdam").line1 == ADDRESS["line1"]
    with pytest.raises(Invalid):
        save_address(user_id=ADA, address_id=address.pk, postal_code="1")


def test_a_person_keeps_a_bounded_number_of_addresses():
    Address.objects.bulk_create(Address(user_id=ADA, **ADDRESS) for _ in range(MAX_ADDRESSES))
    with pytest.raises(Conflict):
        save()
    assert save(GRACE).pk


def test_an_order_keeps_its_copy_of_the_address():
    order = make_order()
    address = save()
    save_address(user_id=ADA, address_id=address.pk, city="Potsdam")
    order.refresh_from_db()
    assert order.shipping_address == ADDRESS


def test_postgresql_itself_refuses_a_second_default():
    save()
    with pytest.raises(IntegrityError, match="address_one_default"), transaction.atomic():
        Address.objects.create(user_id=ADA, is_default=True, **ADDRESS)


@pytest.mark.parametrize(
    ("typed", "kept"), [("", ""), ("030 901820", "+4930901820"), ("+33 1 42 68 53 00", "+33142685300")]
)
def test_a_telephone_number_is_kept_in_international_form(typed, kept):
    assert check_phone(typed, country="DE") == kept


@pytest.mark.parametrize("typed", ["call me", "1", "0" * 40])
def test_what_is_no_telephone_number_is_refused_by_name(typed):
    with pytest.raises(Invalid) as refusal:
        check_phone(typed, country="DE")

    assert refusal.value.facts["field"] == "address.phone"
