"""Words that name a person, and taking them out of what others wrote: notes, reasons, messages.

Whole words only, whatever their case. Short or common ones (a single word, a house number) are left alone. Who is
forgotten has typed these words, or somebody else has: look for them in rows of that person's, and everywhere only for
what is proved to be theirs, or whoever orders as "Thank you" blots that out of the whole shop. The cost grows with the
text, not with how many words are looked for.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from services.personal_data import PERSONAL_DATA, Kind

BLOT = "—"
TOKEN = re.compile(r"\w+")
SEARCHED_BY_POSTGRESQL = (
    40  # up to so many words PostgreSQL picks the rows; with more, all are looked at here
)
PIECE = 2_000
NAMES, STREETS, PHONES = ("name", "company"), ("line1", "line2"), ("phone",)
WORDY = {
    table: {name: kind for name, kind in columns.items() if kind in (Kind.WORDS, Kind.FACTS)}
    for table, columns in PERSONAL_DATA.items()
}


def telling_words(
    *, emails: Iterable[str] = (), names: Iterable[str] = (), addresses: Iterable[Mapping[str, Any]] = ()
) -> set[str]:
    """Of what is known of a person, the words that name them wherever they stand."""
    found = set(emails)
    addresses = list(addresses)
    said = [str(address.get(part) or "") for address in addresses for part in NAMES]
    found |= {text for text in (*names, *said) if len(text.split()) > 1 and len(text) > 4}
    streets = (str(address.get(part) or "") for address in addresses for part in STREETS)
    found |= {text for text in streets if len(text) > 7 and re.search(r"\d", text) and " " in text}
    phones = (str(address.get(part) or "") for address in addresses for part in PHONES)
    return {
        text.strip() for text in found | {text for text in phones if len(re.sub(r"\D", "", text)) > 6}
    } - {""}


class Words:
    """A set of words to be blotted out, found by the first token of each."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted(set(words), key=len, reverse=True)
        self._by_token: dict[str, list[tuple[int, str]]] = {}
        for word in self.words:
            lower = word.lower()
            if token := TOKEN.search(lower):
                self._by_token.setdefault(token[0], []).append((token.start(), lower))

    def __bool__(self) -> bool:
        return bool(self._by_token)

    def blot(self, text: str) -> str:
        """The text without them."""
        lower = text.lower()
        if len(lower) != len(text):  # a letter that is two in small: places would not agree
            text = lower
        out, end = [], 0
        for token in TOKEN.finditer(lower):
            for offset, word in self._by_token.get(token[0], ()):
                start = token.start() - offset
                if (
                    start >= end
                    and lower.startswith(word, start)
                    and _is_whole(lower, start, start + len(word))
                ):
                    out += [text[end:start], BLOT]
                    end = start + len(word)
                    break
        return "".join([*out, text[end:]]) if out else text

    def blot_json(self, value: Any) -> Any:
        """Strings in it, at any depth."""
        if isinstance(value, dict):
            return {key: self.blot_json(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.blot_json(each) for each in value]
        return self.blot(value) if isinstance(value, str) else value


def _is_whole(text: str, start: int, end: int) -> bool:
    """Not the middle of a longer word or mail address."""
    before, after = text[start - 1 : start], text[end : end + 2]
    is_mail = "@" in text[start:end]
    glued = before.isalnum() or before == "_" or (is_mail and before in {".", "-", "+", "%"})
    goes_on = (
        after[:1].isalnum()
        or after[:1] == "_"
        or (is_mail and after[:1] in {".", "-"} and after[1:].isalnum())
    )
    return not (glued or goes_on)


def blot_out(words: Words) -> int:
    """Take the words out of every column of the storefront's tables that holds free words. Returns how many rows had one."""
    if not words:
        return 0
    return sum(blot_table(words, table, columns) for table, columns in WORDY.items() if columns)


def blot_table(
    words: Words,
    table: str,
    columns: Mapping[str, Kind],
    *,
    where: str = "true",
    params: Iterable[Any] = (),
    key: str = "id",
) -> int:
    """The same in one table. The names of table and columns are the program's own."""
    changed = 0
    for rows in _candidates(words, table, columns, where, list(params), key):
        changes = [
            (row[0], after) for row in rows if (after := _blotted(words, row[1:], columns)) is not None
        ]
        if changes:
            _write(table, columns, changes, key)
        changed += len(changes)
    return changed


def _candidates(
    words: Words, table: str, columns: Mapping[str, Kind], where: str, params: list[Any], key: str
) -> Iterator[list[tuple[Any, ...]]]:
    texts = {name: f'"{name}"::text' for name in columns}
    if len(words.words) <= SEARCHED_BY_POSTGRESQL:
        patterns = [
            f"%{_escaped(form)}%"
            for word in words.words
            for form in {word, json.dumps(word, ensure_ascii=False)[1:-1]}
        ]
        where += f" AND ({' OR '.join(f'{text} ILIKE ANY(%s)' for text in texts.values())})"
        params = [*params, *[patterns] * len(texts)]
    else:
        empty = {Kind.FACTS: "{}"}
        where += f" AND ({' OR '.join(f'{text} <> %s' for text in texts.values())})"
        params = [*params, *[empty.get(kind, "") for kind in columns.values()]]
    after: Any = None
    while True:
        more = f' AND "{key}" > %s' if after is not None else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT "{key}", {", ".join(texts.values())} FROM {table} WHERE {where}{more} ORDER BY "{key}" LIMIT {PIECE}',  # noqa: S608
                [*params, *([after] if after is not None else [])],
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _escaped(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _blotted(
    words: Words, texts: tuple[str | None, ...], columns: Mapping[str, Kind]
) -> list[str | None] | None:
    """The columns as they shall be; None where nothing is to be changed."""
    after: list[str | None] = []
    for text, kind in zip(texts, columns.values(), strict=True):
        if not text:
            after.append(text)
        elif kind is Kind.FACTS:
            told = json.loads(text)
            changed = words.blot_json(told)
            after.append(text if changed == told else json.dumps(changed, ensure_ascii=False))
        else:
            after.append(words.blot(text))
    return after if after != list(texts) else None


def _write(
    table: str, columns: Mapping[str, Kind], changes: list[tuple[Any, list[str | None]]], key: str
) -> None:
    casts = ["::jsonb" if kind is Kind.FACTS else "" for kind in columns.values()]
    sets = ", ".join(
        f'"{name}" = c.v{number}{cast}'
        for number, (name, cast) in enumerate(zip(columns, casts, strict=True))
    )
    names = ", ".join(f"v{number}" for number in range(len(columns)))
    arrays = ", ".join(["%s::text[]"] * (len(columns) + 1))
    kind_of_key = {int: "bigint", UUID: "uuid"}.get(type(changes[0][0]), "text")
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE {table} t SET {sets} FROM unnest({arrays}) AS c(k, {names}) WHERE t."{key}" = c.k::{kind_of_key}',  # noqa: S608
            [
                [str(row) for row, _ in changes],
                *[[after[number] for _, after in changes] for number in range(len(columns))],
            ],
        )
