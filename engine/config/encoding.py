"""Text as editors and spreadsheets write it: UTF-8 with or without BOM, UTF-16, GB 18030."""

from __future__ import annotations

import codecs
from typing import Final

from .problems import Problems

_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(data: bytes, name: str, problems: Problems) -> str | None:
    """The text of `data`, or None with a problem that names the line of the first bad byte.

    UTF-8 is tried first and strictly: text in GBK that holds any Chinese is not valid UTF-8 except
    by a chance that shrinks with each character. GB 18030 contains GBK and GB 2312.
    """
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        text_or_none = _gb18030(data)
        if encoding == "utf-16" or text_or_none is None:
            line = data.count(b"\n", 0, error.start) + 1
            problems.error(
                f"{name}:{line}",
                "the text cannot be read",
                found=f"byte 0x{data[error.start]:02x}",
                expected="UTF-8, or GBK / GB 18030 as Chinese spreadsheets save it",
            )
            return None
        text = text_or_none
    return _without_nul(text, name, problems)


def _gb18030(data: bytes) -> str | None:
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError:
        return None


def _without_nul(text: str, name: str, problems: Problems) -> str | None:
    if "\0" not in text:
        return text
    line = text.count("\n", 0, text.index("\0")) + 1
    problems.error(f"{name}:{line}", "the file is not text", found="a zero byte")
    return None
