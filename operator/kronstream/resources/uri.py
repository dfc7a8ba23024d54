"""Patterns of RFC 3986, without look-around, for whole texts."""

_ESCAPED = "%[0-9A-Fa-f]{2}"
_PLAIN = r"A-Za-z0-9\-._~!$&'()*+,;="  # unreserved and sub-delims
_PCHAR = f"(?:[{_PLAIN}:@]|{_ESCAPED})"
_NO_COLON = f"(?:[{_PLAIN}@]|{_ESCAPED})"
_SEGMENTS = f"(?:/{_PCHAR}*)*"
_LITERAL = rf"\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[{_PLAIN}:]+)\]"
_HOST = f"(?:{_LITERAL}|(?:[{_PLAIN}]|{_ESCAPED})*)"
_AUTHORITY = f"(?:(?:[{_PLAIN}:]|{_ESCAPED})*@)?{_HOST}(?::[0-9]*)?"
_ROOTED = f"//{_AUTHORITY}{_SEGMENTS}|/(?:{_PCHAR}+{_SEGMENTS})?"
_END = rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
_ABSOLUTE = f"[A-Za-z][A-Za-z0-9+.-]*:(?:{_ROOTED}|{_PCHAR}+{_SEGMENTS})?"
_RELATIVE = f"(?:{_ROOTED}|{_NO_COLON}+{_SEGMENTS})?"

URI = f"^{_ABSOLUTE}{_END}$"
"""With a scheme (section 3)."""
REFERENCE = f"^(?:{_ABSOLUTE}|{_RELATIVE}){_END}$"
"""With or without one (section 4.1)."""
