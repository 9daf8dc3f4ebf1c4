"""Makes bad files: each is a CSV that must not be loaded, with the words that its refusal must contain."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ("id", "name", "dept", "note")
PEOPLE = tuple(
    (f"{1001 + at}", name, dept, note)
    for at, (name, dept, note) in enumerate(
        [
            ("Ann", "IT", "plain"),
            ("Bob, junior", "HR", ""),
            ('Cy "the third"', "IT", "two\nlines"),
            ("Dörte", "Büro", "Ünïcode"),
            ("Ed", "IT", ""),
            ("Flo", "HR", "a"),
            ("Gus", "HR", "b"),
            ("Hal", "IT", "c"),
            ("Ida", "IT", "d"),
            ("Jo", "HR", "last note"),
        ]
    )
)


@dataclass(frozen=True)
class BadFile:
    """
    A file that must be refused.

    :param title: what is wrong with it.
    :param content: its bytes.
    :param words: what the sentence of its refusal contains.
    :param name: its name.
    """

    title: str
    content: bytes
    words: str
    name: str = "hr.csv"


def field(value: str) -> str:
    """Return a value as RFC 4180 writes it."""
    return '"' + value.replace('"', '""') + '"' if any(one in value for one in ',"\r\n') else value


def csv(rows: object = PEOPLE, *, end: str = "\n", columns: tuple[str, ...] = COLUMNS) -> bytes:
    """Return rows as a CSV with a header."""
    lines = [columns, *rows]  # type: ignore[misc]
    return "".join(",".join(map(field, line)) + end for line in lines).encode()


GOOD = csv()
HEADER = ",".join(COLUMNS).encode() + b"\n"


def truncated() -> Iterator[tuple[int, bytes]]:
    """Yield the good file cut after every byte of its last two rows, its last line feed apart."""
    start = GOOD.rfind(b"\n", 0, GOOD.rfind(b"\n", 0, -1)) + 1
    for length in range(start, len(GOOD)):
        yield length, GOOD[:length]


def encodings() -> Iterator[BadFile]:
    """Yield the good file in every encoding but UTF-8."""
    text = GOOD.decode()
    for encoding, words in (
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-32"),
        ("utf-32-be", "UTF-32"),
        ("latin-1", "Latin-1"),
        ("cp1252", "Windows-1252"),
        ("iso8859-15", "not UTF-8"),
        ("cp437", "not UTF-8"),
        ("cp850", "not UTF-8"),
        ("mac-roman", "not UTF-8"),
        ("cp500", "not UTF-8"),
    ):
        yield BadFile(f"encoded in {encoding}", text.encode(encoding, "replace"), words)
    for byte in (0x80, 0xC0, 0xC1, 0xF5, 0xFE, 0xFF):
        content = GOOD.replace(b"Gus", b"G" + bytes([byte]) + b"s")
        yield BadFile(f"byte {byte:02x}", content, f"line 9 contains the byte 0x{byte:02X}")
    for title, sequence in (
        ("surrogate", b"\xed\xa0\x80"),
        ("overlong", b"\xc0\xaf"),
        ("above", b"\xf4\x90\x80\x80"),
    ):
        yield BadFile(f"{title} in UTF-8", GOOD.replace(b"Gus", b"G" + sequence), "not UTF-8")
    for at in (0, 5, len(HEADER) + 2, len(GOOD) // 2, len(GOOD) - 1, len(GOOD)):
        yield BadFile(f"NUL at {at}", GOOD[:at] + b"\0" + GOOD[at:], "NUL byte")
    yield BadFile("NUL at the end, as after a crash", GOOD + bytes(4096), "NUL byte")


def formats() -> Iterator[BadFile]:
    """Yield what is no CSV under the name of one."""
    for title, content, words in (
        ("XLSX", b"PK\x03\x04\x14\0\x06\0[Content_Types].xml" + bytes(500), "an Excel workbook (XLSX)"),
        ("ZIP", b"PK\x03\x04\x14\0\0\0hr.csv" + bytes(100), "a ZIP archive"),
        ("empty ZIP", b"PK\x05\x06" + bytes(18), "a ZIP archive"),
        ("XLS", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "an Excel workbook (XLS)"),
        ("PDF", b"%PDF-1.7\n1 0 obj\n", "a PDF document"),
        ("gzip", gzip.compress(GOOD), "compressed with gzip"),
        ("HTML", b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "a web page"),
        ("HTML after blank lines", b"\n\n  <html><head></head></html>", "a web page"),
        ("HTML with a mark", b"\xef\xbb\xbf<HTML>", "a web page"),
        ("XML", b"<?xml version='1.0'?><rows/>", "a web page (HTML or XML)"),
        ("JSON", b'[{"id": "1001", "name": "Ann"}]\n', "line 1"),
    ):
        yield BadFile(title, content, words)


def damaged_gzip() -> Iterator[BadFile]:
    """Yield compressed files that cannot be decompressed to their end."""
    packed = gzip.compress(GOOD, mtime=0)
    for length in (1, 5, 10, 20, len(packed) // 2, len(packed) - 8, len(packed) - 4, len(packed) - 1):
        yield BadFile(f"gzip cut after {length}", packed[:length], "damaged or incomplete gzip", "hr.csv.gz")
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF
    yield BadFile("gzip with a flipped byte", bytes(flipped), "damaged or incomplete gzip", "hr.csv.gz")
    checksum = bytearray(packed)
    checksum[-6] ^= 0xFF
    yield BadFile("gzip with a wrong checksum", bytes(checksum), "damaged or incomplete gzip", "hr.csv.gz")
    yield BadFile("plain text named .gz", GOOD, "damaged or incomplete gzip", "hr.csv.gz")
    yield BadFile("nothing compressed", gzip.compress(b""), "it is empty", "hr.csv.gz")


def quotation() -> Iterator[BadFile]:
    """Yield files with faulty quotation marks, on every row."""
    lines = GOOD.decode().split("\n")
    numbers = {1001: 2, 1005: 7, 1006: 8, 1007: 9, 1008: 10, 1009: 11, 1010: 12}
    for key, number in numbers.items():
        at = number - 1
        for title, faulty, words in (
            ("opened, not closed", lines[at].replace(",", ',"', 1), f"line {number} has"),
            (
                "within a value",
                lines[at].replace(",I", ',I"', 1).replace(",H", ',H"', 1),
                f"line {number} has",
            ),
            ("text after it", lines[at].replace(str(key), f'"{key}"x', 1), "text after a closing quotation"),
            ("text before it", lines[at].replace(str(key), f'x"{key}"', 1), f"line {number} has a quotation"),
            ("space before it", lines[at].replace(f"{key},", f'{key}, "x",', 1), f"line {number} has"),
            ("space after it", lines[at].replace(str(key), f'"{key}" ', 1), "text after a closing quotation"),
            ("backslash for escape", lines[at].replace(",", ',"\\"x",', 1), f"line {number} has"),
        ):
            changed = [*lines[:at], faulty, *lines[at + 1 :]]
            yield BadFile(f"quotation mark {title} in {key}", "\n".join(changed).encode(), words)
    yield BadFile("last value not closed", GOOD[:-10] + b'"last', "line 12 has")
    yield BadFile("quotation marks of typography", GOOD.replace(b'"', "“".encode()), "malformed")
    yield BadFile("single quotation marks", GOOD.replace(b'"', b"'"), "malformed")


def row_shapes() -> Iterator[BadFile]:
    """Yield files with too many or too few fields, on every row, and with separators of other kinds."""
    lines = GOOD.decode().split("\n")
    for number in (2, 7, 8, 9, 10, 11, 12):
        at = number - 1
        for title, faulty, words in (
            ("one field more", lines[at] + ",x", f"line {number} has 5 fields instead of 4"),
            ("an empty field more", lines[at] + ",", f"line {number} has 5 fields instead of 4"),
            ("one field less", lines[at].rpartition(",")[0], f"line {number} has 3 fields instead of 4"),
            ("one field", "x", f"line {number} has 1 field instead of 4"),
            ("a blank line before", "\n" + lines[at], f"line {number} is blank"),
            ("a line of spaces before", "  \n" + lines[at], f"line {number} has 1 field instead of 4"),
            ("a bare carriage return", lines[at].replace(",", ",a\rb", 1), "without a line feed"),
            ("a comment", "# made by hand\n" + lines[at], f"line {number} has 1 field instead of 4"),
            ("a total", "Total: 10 rows\n" + lines[at], f"line {number} has 1 field"),
            ("the next row on the same line", lines[at] + "," + lines[at], "has 7 fields"),
        ):
            if title == "the next row on the same line":
                words = f"line {number} has 8 fields instead of 4"
            changed = [*lines[:at], faulty, *lines[at + 1 :]]
            yield BadFile(f"{title} at line {number}", "\n".join(changed).encode(), words)
    for title, separator, words in (
        ("semicolons", ";", "semicolons"),
        ("tabs", "\t", "tabs"),
        ("bars", "|", "bars"),
    ):
        plain = "".join(
            separator.join((p[0], p[1].split(",")[0], p[2], "x")) + "\n" for p in (COLUMNS, *PEOPLE)
        )
        yield BadFile(f"separated by {title}", plain.encode(), words)
    yield BadFile(
        "semicolons in the header alone", GOOD.replace(b"id,name,dept,note", b"id;name;dept;note"), "semi"
    )
    yield BadFile(
        "semicolons in the rows alone", HEADER + b"1001;Ann;IT;x\n1002;Bob;HR;y\n", "1 field instead of 4"
    )
    yield BadFile("a row of 3 MiB", GOOD + b'1011,"' + b"x" * 3 * 2**20 + b'",IT,x\n', "more than 2 MiB")
    yield BadFile("a line of 3 MiB", GOOD + b"1011," + b"x" * 3 * 2**20 + b",IT,x\n", "more than 2 MiB")


def line_ends() -> Iterator[BadFile]:
    """Yield files whose lines end otherwise."""
    yield BadFile("carriage returns alone", GOOD.replace(b"\n", b"\r"), "carriage return")
    yield BadFile("LF CR", GOOD.replace(b"\n", b"\n\r"), "carriage return")
    yield BadFile("CR CR LF", GOOD.replace(b"\n", b"\r\r\n"), "carriage return")
    yield BadFile("a carriage return at the end", GOOD + b"\r", "line 13 has a carriage return")
    yield BadFile("NEL", GOOD.replace(b"\n", "\x85".encode()), "line 1")
    yield BadFile("every line twice ended", GOOD.replace(b"\n", b"\n\n"), "is blank")
    yield BadFile("CR LF, every line twice ended", csv(end="\r\n\r\n"), "is blank")
    yield BadFile("a blank line first", b"\n" + GOOD, "line 1")
    yield BadFile("a title first", b"Staff of November\n" + GOOD, "none of the columns")


def headers() -> Iterator[BadFile]:
    """Yield files whose header is not that of the source."""
    rows = GOOD[len(HEADER) :]
    for title, header, words in (
        ("no header", b"", "none of the columns id, name, dept and note"),
        ("id in capitals", b"ID,name,dept,note\n", "'ID' must be written 'id'"),
        ("Name", b"id,Name,dept,note\n", "'Name' must be written 'name'"),
        ("a space after a name", b"id,name ,dept,note\n", "'name ' must be written 'name'"),
        ("a space before a name", b"id, name,dept,note\n", "' name' must be written 'name'"),
        ("a mark twice", b"\xef\xbb\xbf\xef\xbb\xbfid,name,dept,note\n", "must be written 'id'"),
        ("unknown column", b"id,name,dept,remark\n", "'remark' is unknown and column 'note' is missing"),
        ("two unknown columns", b"id,name,department,remark\n", "'department' is unknown"),
        ("a column twice", b"id,name,dept,dept\n", "'dept' occurs 2 times"),
        ("the key twice", b"id,id,dept,note\n", "'id' occurs 2 times"),
        ("no key", b"key,name,dept,note\n", "'id' is missing"),
        ("a column without name", b"id,name,dept,\n", "has no name"),
        ("a quoted space", b'id,name,dept," note"\n', "' note' must be written 'note'"),
        ("open quotation mark", b'id,name,dept,"note\n', "line 1"),
        ("stray quotation mark", b'id,na"me,dept,note\n', "line 1"),
    ):
        yield BadFile(f"header: {title}", header + rows, words)
    yield BadFile(
        "header: a column less", csv([p[:3] for p in PEOPLE], columns=COLUMNS[:3]), "'note' is missing"
    )
    wide = csv([(*p, "x") for p in PEOPLE], columns=(*COLUMNS, "extra"))
    yield BadFile("header: a column more", wide, "'extra' is unknown")
    yield BadFile(
        "header: of another source", csv([("a", "b")], columns=("login", "mail")), "none of the columns"
    )
    yield BadFile("header only", HEADER, "delete every account")
    yield BadFile("header only, without its line end", HEADER[:-1], "delete every account")
    yield BadFile("header and blank lines", HEADER + b"\n\n\n", "delete every account")
    yield BadFile("a mark alone", b"\xef\xbb\xbf", "line 1")
    yield BadFile("blank lines alone", b"\n\n\n", "line 1")
    yield BadFile("spaces alone", b"   ", "none of the columns")


def keys() -> Iterator[BadFile]:
    """Yield files with keys that do not identify one account each."""
    for at, person in enumerate(PEOPLE):
        others = PEOPLE[at + 1 :]
        for title, key, words in (
            ("no key", "", "has no id"),
            ("a space for key", " ", "has no id"),
            ("a no-break space for key", "\u00a0", "has no id"),
        ):
            yield BadFile(f"{title}, row {at}", csv([*PEOPLE[:at], (key, *person[1:]), *others]), words)
        again = csv([*PEOPLE, person])
        yield BadFile(f"key twice, row {at}", again, f"1 key occurs more than once: {person[0]!r} (lines")
    for title, key in (
        ("before", " 1001"),
        ("after", "1001 "),
        ("tab", "1001\t"),
        ("line", "1001\n"),
        ("zero", "\u200b1001"),
    ):
        padded = csv([(key, *PEOPLE[0][1:]), *PEOPLE[1:]])
        yield BadFile(f"key with a space, {title}", padded, "begins or ends with a space")


def doubled_and_foreign() -> Iterator[BadFile]:
    """Yield files put together from several, of other sources, and with values in the wrong column."""
    yield BadFile("twice in a row", GOOD + GOOD, "repeated")
    yield BadFile("twice, the header once", GOOD + GOOD[len(HEADER) :], "10 keys occur more than once")
    yield BadFile("twice, with a mark between", GOOD + b"\xef\xbb\xbf" + GOOD, "repeated")
    yield BadFile("twice, without a line end between", GOOD[:-1] + GOOD, "has 7 fields")
    yield BadFile("two halves, the header twice", csv(PEOPLE[:5]) + csv(PEOPLE[5:]), "header")
    yield BadFile("header last", GOOD[len(HEADER) :] + HEADER, "none of the columns")
    swapped = csv([(p[1], p[0], p[2], p[3]) for p in PEOPLE])
    yield BadFile("two columns swapped", swapped, "it contains none of them")
    other = csv([(f"9{p[0]}", *p[1:]) for p in PEOPLE])
    yield BadFile("keys of another source", other, "would delete all 10 accounts")
    named = "2c9180877a7b1234567890abcdef1234-hr.csv"
    for name in (named, named.upper(), named.replace("-", " - "), named.replace("-", "_")):
        yield BadFile(
            f"name of another source: {name}", GOOD + b"1011,Ken,IT,x\n", "ID of another source", name
        )
    for kept in range(1, 9):
        rows = csv(PEOPLE[:kept])
        share = f"{(10 - kept) * 10} %, limit 10 %"
        yield BadFile(f"only {kept} of 10", rows, f"would delete {10 - kept} of 10 accounts ({share})")


def bad_files() -> Iterator[BadFile]:
    """Yield all of them, truncated ones apart."""
    for group in (
        encodings,
        formats,
        damaged_gzip,
        quotation,
        row_shapes,
        line_ends,
        headers,
        keys,
        doubled_and_foreign,
    ):
        yield from group()
