"""Currencies that Stripe charges in, their decimals and smallest amounts."""

from stripe_local.errors import bad_parameter

SUPPORTED = frozenset(
    [
        "usd",
        "aed",
        "afn",
        "all",
        "amd",
        "ang",
        "aoa",
        "ars",
        "aud",
        "awg",
        "azn",
        "bam",
        "bbd",
        "bdt",
        "bgn",
        "bhd",
        "bif",
        "bmd",
        "bnd",
        "bob",
        "brl",
        "bsd",
        "bwp",
        "byn",
        "bzd",
        "cad",
        "cdf",
        "chf",
        "clp",
        "cny",
        "cop",
        "crc",
        "cve",
        "czk",
        "djf",
        "dkk",
        "dop",
        "dzd",
        "egp",
        "etb",
        "eur",
        "fjd",
        "fkp",
        "gbp",
        "gel",
        "gip",
        "gmd",
        "gnf",
        "gtq",
        "gyd",
        "hkd",
        "hnl",
        "htg",
        "huf",
        "idr",
        "ils",
        "inr",
        "isk",
        "jmd",
        "jod",
        "jpy",
        "kes",
        "kgs",
        "khr",
        "kmf",
        "krw",
        "kwd",
        "kyd",
        "kzt",
        "lak",
        "lbp",
        "lkr",
        "lrd",
        "lsl",
        "mad",
        "mdl",
        "mga",
        "mkd",
        "mmk",
        "mnt",
        "mop",
        "mur",
        "mvr",
        "mwk",
        "mxn",
        "myr",
        "mzn",
        "nad",
        "ngn",
        "nio",
        "nok",
        "npr",
        "nzd",
        "omr",
        "pab",
        "pen",
        "pgk",
        "php",
        "pkr",
        "pln",
        "pyg",
        "qar",
        "ron",
        "rsd",
        "rub",
        "rwf",
        "sar",
        "sbd",
        "scr",
        "sek",
        "sgd",
        "shp",
        "sle",
        "sos",
        "srd",
        "std",
        "szl",
        "thb",
        "tjs",
        "tnd",
        "top",
        "try",
        "ttd",
        "twd",
        "tzs",
        "uah",
        "ugx",
        "uyu",
        "uzs",
        "vnd",
        "vuv",
        "wst",
        "xaf",
        "xcd",
        "xof",
        "xpf",
        "yer",
        "zar",
        "zmw",
    ]
)
NO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
WHOLE_ONLY = frozenset(["isk", "ugx"])  # two decimals in the API, both of them always 0
SMALLEST = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
LARGEST = 99_999_999


def check_currency(currency: str, *, param: str = "currency") -> str:
    """The currency in lower case; refuses one that Stripe does not charge in."""
    lowered = currency.lower()
    if lowered not in SUPPORTED:
        raise bad_parameter(f"Invalid currency: {currency}. Stripe does not support it.", param=param)
    return lowered


def check_amount(amount: int, *, param: str = "amount") -> int:
    """A positive amount of minor units."""
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise bad_parameter(message, param=param, code="parameter_invalid_integer")
    return amount


def check_whole(amount: int, currency: str, *, param: str = "amount") -> int:
    """An amount that cards can move: its last digit is 0 in currencies of three decimals, its last two in some of two."""
    step = 10 if currency in THREE_DECIMALS else 100 if currency in WHOLE_ONLY else 1
    if amount % step:
        raise bad_parameter(
            f"Invalid amount. Amounts in {currency.upper()} must be evenly divisible by {step}."
            " See https://docs.stripe.com/currencies#special-cases for more information.",
            param=param,
            code="invalid_charge_amount_no_decimal_compatible" if step == 100 else "invalid_charge_amount",
        )
    return amount


def check_charge_amount(amount: int, currency: str) -> int:
    """An amount that a card may be charged: not below the currency's smallest, not above the largest."""
    check_whole(check_amount(amount), currency)
    if amount < SMALLEST.get(currency, 1):
        least = money(SMALLEST[currency], currency)
        raise bad_parameter(f"Amount must be at least {least}", param="amount", code="amount_too_small")
    if amount > LARGEST:
        most = money(LARGEST, currency)
        raise bad_parameter(f"Amount must be no more than {most}", param="amount", code="amount_too_large")
    return amount


def decimals(currency: str) -> int:
    """How many digits follow the point."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def money(amount: int, currency: str) -> str:
    """`12.50 EUR`, for messages and pages."""
    places = decimals(currency)
    sign, digits = "-" if amount < 0 else "", str(abs(amount)).rjust(places + 1, "0")
    number = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"{sign}{number} {currency.upper()}"


def processing_fee(amount: int, *, bps: int, fixed: int) -> int:
    """Stripe's fee in minor units, rounded half up, never more than the amount."""
    return min(amount, (amount * bps + 5_000) // 10_000 + fixed)
