"""Documents as the services hand them over: amounts in minor units, + being the seller's."""

from typing import Any

HOSTILE = "\x00\x07\x1b[31m=cmd|'/C calc'!A0 😀🏺👩‍🚀 \u202eשלום עולם مرحبا\u2066 {nb} \ud800 " + "W" * 500


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "number": 3,
        "seller": {"name": "Kiln & Linen", "address": "Street 1\n10117 Berlin\nDE"},
        "marketplace": {"name": "Souk"},
        "currency": "EUR",
        "amount_minor": 11565,
        "issued_at": "2026-11-23T10:00:00+00:00",
        "opening_balance_minor": 11565,
        "closing_balance_minor": 0,
        "totals": {
            "sale": 15999,
            "commission": -1660,
            "fee": -524,
            "refund": -2500,
            "commission_returned": 250,
        },
        "lines": [
            line("sale", 10000, 1001, key="charge:ch_1"),
            line("commission", -1030, 1001, key="charge:ch_1"),
            line("fee", -324, 1001, key="charge:ch_1"),
            line("sale", 5999, 1002, key="charge:ch_2"),
            line("commission", -630, 1002, key="charge:ch_2"),
            line("fee", -200, 1002, key="charge:ch_2"),
            line("refund", -2500, 1001, key="refund:re_1"),
            line("commission_returned", 250, 1001, key="refund:re_1"),
        ],
        "orders": [
            order_line(
                1001,
                "MUG-1",
                "Mug Blue",
                2,
                subtotal=10000,
                discount=-500,
                shipping=500,
                refunded=-2500,
                commission=-1030 + 250,
                fee=-324,
            ),
            order_line(
                1002,
                "THROW-LINEN",
                "Linen throw, undyed",
                1,
                subtotal=5499,
                shipping=500,
                commission=-630,
                fee=-200,
            ),
        ],
    } | changes


def line(kind: str, amount_minor: int, order_number: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "order_id": "0199f3a0-0000-7000-8000-000000000001" if order_number else None,
        "order_number": order_number,
        "kind": kind,
        "amount_minor": amount_minor,
        "occurred_at": "2026-11-12T23:30:00+00:00",
    } | more


def order_line(order_number: int, sku: str, title: str, quantity: int, **shares: int) -> dict[str, Any]:
    price = ("subtotal", "discount", "shipping", "tax", "uncaptured")
    own = ("sale", "funded", "commission", "commission_tax", "fee", "refunded", "disputed", "reserve")
    shares.setdefault("sale", sum(shares.get(name, 0) for name in price))
    return {
        "order_number": order_number,
        "sku": sku,
        "title": title,
        "quantity": quantity,
        **{f"{name}_minor": shares.get(name, 0) for name in price + own},
        "amount_minor": sum(shares.get(name, 0) for name in own),
    }


def long_statement(count: int = 200, **changes: Any) -> dict[str, Any]:
    """`count` sales of 12.34 and nothing else."""
    return (
        statement(
            lines=[line("sale", 1234, 1000 + index, key=f"charge:ch_{index}") for index in range(count)],
            orders=[],
            totals={"sale": 1234 * count},
            amount_minor=1234 * count,
            opening_balance_minor=1234 * count,
        )
        | changes
    )


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "number": "SOUK-2026-000123",
        "seller": {"name": "Kiln & Linen", "address": "Street 1\n10117 Berlin\nDE"},
        "marketplace": {
            "name": "Souk",
            "address": "Market Row 7\n20095 Hamburg\nDE",
            "tax_id": "DE123456789",
        },
        "month": "2026-10",
        "issued_at": "2026-11-01T04:00:00+00:00",
        "currency": "EUR",
        "lines": [
            {
                "description": "Commission on 42 orders",
                "net_minor": 4200,
                "tax_basis_points": 1900,
                "tax_minor": 798,
            },
            {
                "description": "Commission returned with 3 refunds",
                "net_minor": -300,
                "tax_basis_points": 1900,
                "tax_minor": -57,
            },
        ],
        "net_minor": 3900,
        "tax_minor": 741,
        "total_minor": 4641,
    } | changes
