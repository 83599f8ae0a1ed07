"""What a tracking URI may hold that must not be printed or written down."""

from __future__ import annotations

import re
from urllib.parse import unquote

_AUTHORITY = re.compile(
    # user:password@ as the standard has it, or with a / ? or # inside, as SQLAlchemy allows;
    # a port and a path are no password.
    r"(?<=://)(?:[^/?#]*@|[^/:@?#]*:(?!\d+(?:[/?#]|$))[^@]*@)"
)
_SECRET = re.compile(
    # A name in the query, or in a connection string that is a value of the query.
    r"(?:pass(?!file)|pwd|token|secret|credential|(?:access|api|account)[-_]?key|\bsig(?==))[^=;&]*=",
    re.IGNORECASE,
)


def shown(uri: str) -> str:
    """Return ``uri`` without user, passwords and tokens.

    A URI that holds no secret is returned as it is.
    """
    before, mark, query = _AUTHORITY.sub("", uri, count=1).partition("?")
    parts = query.split("&")
    kept = [part for part in parts if not _is_secret(part)]
    if len(kept) == len(parts):
        return before + mark + query
    return before + ("?" + "&".join(kept) if kept else "")


def hidden(text: str, uri: str) -> str:
    """Return ``text`` without the secrets of ``uri``, however it quotes them."""
    text = text.replace(uri, shown(uri))
    for secret in sorted(_secrets(uri), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _is_secret(part: str) -> bool:
    name, _, value = part.partition("=")
    return bool(value) and _SECRET.search(unquote(f"{name}={value}")) is not None


def _secrets(uri: str) -> set[str]:
    """Return passwords and tokens, as they stand in the URI and as they are meant."""
    found = _AUTHORITY.search(uri)
    user, _, password = (found[0][:-1] if found else "").partition(":")
    query = uri.partition("?")[2].split("&")
    values = [part.partition("=")[2] for part in query if _is_secret(part)]
    # To a server, a user without a password is a token.
    plain = {password or (user if uri.startswith("http") else ""), *values} - {""}
    return plain | {unquote(one) for one in plain}
