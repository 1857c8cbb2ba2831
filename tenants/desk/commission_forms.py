"""What an operator types about commission: a rule, and a sale to try the rules on."""

from typing import Any

from django import forms

from core.forms import LineField
from core.money import to_major
from payouts.desk_selectors import tenant_named
from payouts.models import CommissionReturn, CommissionRule, FeeBearer
from shop.web.dashboard.forms import MoneyField
from tenants.desk.money_forms import PercentField
from tenants.models import Tenant

ANY = "EUR"  # amounts of a rule for all currencies are typed with two decimals
SLUG = r"^[\w-]*\Z"


class StorefrontField(LineField):
    """A storefront by its slug; cleaned it is the storefront, or None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=63, required=False, **kwargs)
        self.widget.attrs.update({"autocapitalize": "none", "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        """Raises ValidationError for a slug nobody has."""
        slug = super().clean(value)
        tenant = tenant_named(slug)
        if slug and tenant is None:
            raise forms.ValidationError("No storefront has this slug.")
        return tenant


class CurrencyField(forms.RegexField):
    """Three letters, in upper case whatever is typed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[A-Z]{3}\Z", max_length=3, **kwargs)
        self.error_messages["invalid"] = "A currency has three letters, such as EUR."

    def to_python(self, value: Any) -> str:
        """eur is EUR."""
        return str(super().to_python(value) or "").upper()


class RuleForm(forms.Form):
    """A rule: what it is for, what is taken, and who bears what."""

    name = LineField(max_length=80, required=False, label="Name", help_text="For you alone.")
    storefront = StorefrontField(label="Storefront", help_text="Its slug. Empty: all of them.")
    plan = LineField(max_length=40, required=False, label="Plan")
    category = forms.RegexField(
        SLUG, max_length=80, required=False, label="Category", help_text="Its slug, with those inside it."
    )
    currency = CurrencyField(required=False, label="Currency", help_text="Empty: all of them.")
    percentage = PercentField(label="Percentage")
    fixed = MoneyField(required=False, label="And a fixed amount")
    floor = MoneyField(required=False, label="At least")
    cap = MoneyField(required=False, label="At most")
    includes_shipping = forms.BooleanField(required=False, label="Of shipping, too")
    tax = PercentField(required=False, label="Tax on the commission, in %")
    returned = forms.ChoiceField(
        choices=[
            (CommissionReturn.PERCENTAGE.value, "The percentage, in proportion"),
            (CommissionReturn.ALL.value, "All of it, in proportion"),
            (CommissionReturn.NONE.value, "Nothing"),
        ],
        label="Given back with a refund",
    )
    fee_bearer = forms.ChoiceField(
        choices=[(FeeBearer.SELLER.value, "The seller"), (FeeBearer.MARKETPLACE.value, "The marketplace")],
        label="Who bears Stripe's fee",
    )
    place = forms.ChoiceField(
        choices=[("first", "At the top"), ("last", "At the end")], label="Place in the list", required=False
    )

    def __init__(self, *args: Any, rule: CommissionRule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, initial=shown(rule) if rule else None, **kwargs)
        self.fields["category"].error_messages["invalid"] = "A slug has letters, digits and hyphens."
        if rule is not None:
            del self.fields["place"]
        typed = str(self.data.get("currency", "") if self.is_bound else rule.currency if rule else "")
        currency = typed.strip().upper()
        for name in ("fixed", "floor", "cap"):
            field = self.fields[name]
            assert isinstance(field, MoneyField)
            field.currency = currency if len(currency) == 3 and currency.isalpha() else ANY

    def clean(self) -> dict[str, Any]:
        """At most is not below at least."""
        said = super().clean() or self.cleaned_data
        cap, floor = said.get("cap"), said.get("floor") or 0
        if cap is not None and cap < floor:
            self.add_error("cap", "This is below what is taken at least.")
        return said

    def terms(self) -> dict[str, Any]:
        """As the services take them."""
        said = self.cleaned_data
        same = ("name", "plan", "category", "currency", "includes_shipping", "returned", "fee_bearer")
        return {name: said[name] for name in same} | {
            "tenant_id": said["storefront"].pk if said["storefront"] else None,
            "basis_points": said["percentage"],
            "fixed_minor": said["fixed"] or 0,
            "floor_minor": said["floor"] or 0,
            "cap_minor": said["cap"],
            "tax_basis_points": said["tax"] or 0,
        }


def shown(rule: CommissionRule) -> dict[str, Any]:
    """A rule as its form shows it."""
    currency = rule.currency or ANY

    def major(minor: int | None) -> str:
        return f"{to_major(minor, currency):f}" if minor is not None else ""

    same = ("name", "plan", "category", "currency", "includes_shipping", "returned", "fee_bearer")
    return {name: getattr(rule, name) for name in same} | {
        "storefront": rule.tenant.slug if rule.tenant else "",
        "percentage": f"{rule.basis_points / 100:g}",
        "fixed": major(rule.fixed_minor or None),
        "floor": major(rule.floor_minor or None),
        "cap": major(rule.cap_minor),
        "tax": f"{rule.tax_basis_points / 100:g}" if rule.tax_basis_points else "",
    }


class TryForm(forms.Form):
    """A sale to try the rules on."""

    amount = MoneyField(label="Goods", help_text="After discounts, without tax.")
    shipping = MoneyField(required=False, label="Shipping")
    storefront = StorefrontField(label="Storefront", help_text="Its slug. Empty: a seller on no plan.")
    category = forms.RegexField(SLUG, max_length=80, required=False, label="Category")
    currency = CurrencyField(required=False, label="Currency", help_text="Empty: the storefront's.")

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        seller = tenant_named(str(self.data.get("storefront", ""))) if self.is_bound else None
        typed = str(self.data.get("currency", "") if self.is_bound else "").strip().upper()
        self.money = typed if len(typed) == 3 and typed.isalpha() else seller.currency if seller else ANY
        for name in ("amount", "shipping"):
            field = self.fields[name]
            assert isinstance(field, MoneyField)
            field.currency = self.money

    @property
    def tenant(self) -> Tenant | None:
        """The seller."""
        found: Tenant | None = self.cleaned_data["storefront"]
        return found
