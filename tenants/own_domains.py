"""What a seller's own domain may be called, and the record that proves it."""

import ipaddress
import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Any

import idna
from django.conf import settings
from django.utils.translation import gettext
from publicsuffixlist import PublicSuffixList

from core.errors import Invalid

LONGEST = 240  # 253, less what stands before it
RECORD, WORD = "_souk", "souk-verification"
MISSING = "missing:"  # how DomainClaim.problem begins while a proved domain's record is gone; then the moment
SHAPE = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
# Top levels that are nobody's on the internet (RFC 6761, 6762, 7686, 8375, 9476; ICANN's "internal").
NOBODYS = (
    "localhost", "local", "localdomain", "internal", "intranet", "private", "lan", "home", "corp", "mail",
    "invalid", "test", "onion", "alt", "arpa",
)  # fmt: skip
# Written with letters of several scripts by habit; any other mixture is shown as it travels, letter for letter.
WRITTEN_TOGETHER = ({"CJK", "HIRAGANA", "KATAKANA"}, {"CJK", "HANGUL"}, {"CJK", "BOPOMOFO"})


@lru_cache(maxsize=1)
def _suffixes() -> Any:
    return PublicSuffixList()


def check_domain(text: str) -> str:
    """A domain as it travels (small ASCII letters, punycode), from what a seller typed. Raises Invalid, which says why and what to do.

    Whether it is theirs is for DNS to say.
    """
    typed = re.sub(r"^https?://", "", text.strip(), flags=re.IGNORECASE).removesuffix("/").removesuffix(".")
    if typed.startswith("*"):
        raise _unfit(gettext("a * stands for many domains: add each one by its name"))
    if _is_address(typed):
        raise _unfit(gettext("this is an IP address: type a domain, such as shop.example.com"))
    name = _as_it_travels(typed)
    if "." not in name:
        raise _unfit(gettext("type the whole domain, with its ending, such as shop.example.com"))
    if name.rpartition(".")[2] in NOBODYS:
        raise _unfit(gettext("domains with this ending cannot be reached from the internet"))
    if _is_the_marketplaces(name):
        raise _unfit(gettext("this is an address of the marketplace: type a domain of your own"))
    if _suffixes().privatesuffix(name) is None:
        raise _unfit(
            gettext("many people have domains under this one: type your own, such as shop.%s") % name
        )
    return name


def _unfit(reason: str) -> Invalid:
    return Invalid(field="domain", reason=reason)


def _is_address(text: str) -> bool:
    """An IPv4 or IPv6 address, in brackets or with a port too."""
    for candidate in (text, text.strip("[]"), re.sub(r":\d+$", "", text).strip("[]")):
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return True
    return bool(re.fullmatch(r"[\d.]+|0[xX][\da-fA-F.xX]+", text))


def _as_it_travels(typed: str) -> str:
    """UTS 46 and IDNA 2008: capitals become small, letters beyond ASCII punycode."""
    try:
        name = idna.encode(typed, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        name = ""
    if not SHAPE.fullmatch(name) or len(name) > LONGEST or name.rpartition(".")[2].isdigit():
        raise _unfit(
            gettext("this is not the name of a domain: type it like shop.example.com, without a path")
        )
    return name


def _is_the_marketplaces(name: str) -> bool:
    """The marketplace's host, what is under it, and the whole domain of which it is a part."""
    host = settings.MARKETPLACE_HOST
    apex = _suffixes().privatesuffix(host) or host
    return any(name == ours or name.endswith(f".{ours}") for ours in (host, apex))


def record_name(domain: str) -> str:
    """Where the TXT record stands that proves a domain."""
    return f"{RECORD}.{domain}"


def record_value(token: str) -> str:
    """What it says."""
    return f"{WORD}={token}"


def missing_since(problem: str) -> datetime | None:
    """Since when the record of a proved domain is known to be gone; None while it stands."""
    return datetime.fromisoformat(problem.removeprefix(MISSING)) if problem.startswith(MISSING) else None


def is_apex(domain: str) -> bool:
    """A domain as it was registered, for which DNS knows no CNAME: it needs A and AAAA, or ALIAS."""
    return bool(_suffixes().privatesuffix(domain) == domain)


def readable(domain: str) -> str:
    """A domain in its own letters, to stand beside its address; "" where it is ASCII, or could be read as another.

    The address itself is always written as it travels.
    """
    if "xn--" not in domain:
        return ""
    try:
        text = idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return ""
    return text if all(_is_one_script(label) for label in text.split(".")) else ""


def _is_one_script(label: str) -> bool:
    """Python knows a letter's script by the first word of its name. Letters that look Latin and are not stay hidden."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in label if letter.isalpha()}
    if scripts & {"CYRILLIC", "GREEK"}:
        return False
    return len(scripts) <= 1 or any(scripts <= together for together in WRITTEN_TOGETHER)
