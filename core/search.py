"""What people type into a search field, as PostgreSQL's text search takes it."""

import re

# Every word, of which the last may be only begun. Parameters: q, begun.
MATCH = "(websearch_to_tsquery('simple', %(q)s) || to_tsquery('simple', %(begun)s))"


def match_params(q: str) -> dict[str, str]:
    """The parameters of MATCH."""
    return {"q": q, "begun": begun_words(q)}


def begun_words(q: str) -> str:
    """Words, of which the last may be only begun, as a tsquery that finds titles while somebody types; "" for none.

    Letters and digits only, so nothing of the query language comes from outside.
    """
    words = re.findall(r"[^\W_]+", q)[:10]
    return " & ".join([*words[:-1], f"{words[-1]}:*"]) if words else ""
