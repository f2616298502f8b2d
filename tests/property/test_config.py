"""Whatever a spreadsheet makes of a tag list, it is read as the same plant; garbage never raises."""

import csv
import io
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.engine.config import check, load
from lifeline.engine.config.columns import COLUMNS, HEADINGS
from lifeline.engine.config.encoding import decoded
from lifeline.engine.config.measures import number
from lifeline.engine.config.nearest import nearest
from lifeline.engine.config.problems import Problems
from lifeline.engine.errors import SpecError
from plant_files import PlantFiles

PLANT = replace(PlantFiles(), rules="")
HEADING = ("id", "site", "quantity", "unit", "low", "high", "reports", "name")
# Common Chinese, Latin and signs that all the encodings have; quotes and separators are meant.
NAMES = st.text("东区门站调压箱A可燃气体浓度abcXYZ0189 .,;'\"()-_℃·", min_size=1, max_size=12)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(("east", "west")),
        st.sampled_from(
            (
                ("gas.combustible", "%LEL", "0", "100"),
                ("pipe.gas.pressure", "MPa", "0", "4"),
                ("weather.temp", "℃", "-40", "60"),
                ("gas.co", "mg/m3", "", ""),
            )
        ),
        st.sampled_from(("periodic 10s", "on_change 60s", "event")),
        NAMES.map(str.strip),
    ),
    min_size=1,
    max_size=8,
)
ENCODINGS = st.sampled_from(("utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"))


def cells(rows: list[tuple[str, tuple[str, ...], str, str]]) -> list[list[str]]:
    return [
        [f"S-{i}", site, *measured, reports, name]
        for i, (site, measured, reports, name) in enumerate(rows)
    ]


def spreadsheet(
    heading: list[str],
    rows: list[list[str]],
    *,
    separator: str,
    line_end: str,
    quote_all: bool,
    empty_columns: int,
    blank_lines: bool,
) -> str:
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=separator, lineterminator=line_end, quoting=quoting)
    for row in [heading, *rows]:
        writer.writerow([*row, *[""] * empty_columns])
        if blank_lines:
            out.write(separator * len(row) + line_end + line_end)
    return out.getvalue()


def configuration_bytes(tags: str | bytes) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return load(replace(PLANT, tags=tags).write(Path(directory))).configuration.encode()


@given(
    rows=ROWS,
    encoding=ENCODINGS,
    separator=st.sampled_from((",", ";", "\t")),
    line_end=st.sampled_from(("\n", "\r\n", "\r")),
    quote_all=st.booleans(),
    empty_columns=st.integers(0, 3),
    blank_lines=st.booleans(),
    headings=st.lists(st.integers(0, 5), min_size=len(HEADING), max_size=len(HEADING)),
    capitals=st.booleans(),
)
def test_any_spreadsheets_form_of_a_tag_list_is_the_same_plant(
    rows: list[tuple[str, tuple[str, ...], str, str]],
    encoding: str,
    separator: str,
    line_end: str,
    quote_all: bool,
    empty_columns: int,
    blank_lines: bool,
    headings: list[int],
    capitals: bool,
) -> None:
    table = cells(rows)
    plain = spreadsheet(
        list(HEADING),
        table,
        separator=",",
        line_end="\n",
        quote_all=False,
        empty_columns=0,
        blank_lines=False,
    )
    named = {column.name: (column.name, *column.aliases) for column in COLUMNS}
    chosen = [named[name][i % len(named[name])] for name, i in zip(HEADING, headings, strict=True)]
    text = spreadsheet(
        [f" {name.upper()} " if capitals else name for name in chosen],
        table,
        separator=separator,
        line_end=line_end,
        quote_all=quote_all,
        empty_columns=empty_columns,
        blank_lines=blank_lines,
    )
    assert configuration_bytes(text.encode(encoding)) == configuration_bytes(plain)


@given(order=st.permutations(range(len(HEADING))), rows=ROWS)
def test_the_order_of_columns_means_nothing(
    order: list[int], rows: list[tuple[str, tuple[str, ...], str, str]]
) -> None:
    def table(columns: list[int]) -> str:
        whole = [list(HEADING), *cells(rows)]
        out = io.StringIO()
        csv.writer(out).writerows([[row[i] for i in columns] for row in whole])
        return out.getvalue()

    assert configuration_bytes(table(order)) == configuration_bytes(table(list(range(8))))


@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbfid,quantity\n")
@example(b"\xff\xfe\x00")
@example(b'id,quantity\n"a')
@example(b"sep=;\r\nid;quantity\r\n")
def test_a_tag_list_of_anything_is_checked_without_raising(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = replace(PLANT, tags=data).write(Path(directory))
        assert all(p.text() and p.severity in ("error", "warning") for p in check(path))


YAML_PARTS = st.sampled_from(
    (
        *("sites", "sources", "rules", "sensors", "version", "tenant", "select", "high", "kind"),
        *("id", "limit", "stale", "east", "a/b/c", "25 %LEL", "[", "]", "{", "}", ":", ": ", "- "),
        *("\n", "\n  ", "\n    ", "&a ", "*a", "!!x ", "'", '"', "|", ">", "#", "? ", "~", "1"),
        *(", ", "---\n", "\t", "sensors.csv", "{station}", "\\", "中", "\x00", "\ufeff"),
    )
)


@given(st.lists(YAML_PARTS, max_size=40).map("".join))
@example("version: 1\nsites: &a\n- *a\n")
@example("version: 1\nsites: 3\nsensors: {}\nsources: [[]]\nrules: {a: 1}\n")
@example("version: 1\nsites: [null]\nsensors: [null]\nsources: [null]\nrules: [null, [], 1]\n")
def test_a_file_of_anything_is_checked_without_raising(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = PLANT.write(Path(directory))
        path.write_text(text, encoding="utf-8")
        assert check(path)


@given(
    cut=st.integers(0, 400),
    insert=st.lists(YAML_PARTS, max_size=3).map("".join),
    drop=st.integers(0, 20),
)
def test_a_damaged_file_is_checked_without_raising(cut: int, insert: str, drop: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = PlantFiles().write(Path(directory))
        text = path.read_text(encoding="utf-8")
        path.write_text(text[:cut] + insert + text[cut + drop :], encoding="utf-8")
        problems = check(path)
        try:
            load(path)
        except SpecError:
            assert any(problem.severity == "error" for problem in problems)
        else:
            assert all(problem.severity == "warning" for problem in problems)


@given(st.text(st.characters(codec="gb18030", exclude_characters="\0"), max_size=50))
def test_text_survives_each_encoding(text: str) -> None:
    # Without a mark, UTF-8 is what valid UTF-8 is taken for; with any Chinese GBK is told apart.
    for encoding in ("utf-8", "utf-8-sig"):
        assert decoded(text.lstrip("\ufeff").encode(encoding), "f", Problems()) == text.lstrip(
            "\ufeff"
        )
    chinese = f"编号{text}"
    assert decoded(chinese.encode("gb18030"), "f", Problems()) == chinese


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_exactly(value: float) -> None:
    assert number(repr(value)) == value


@given(st.sampled_from(sorted(HEADINGS)), st.integers(0, 30), st.sampled_from("xyz"))
def test_a_name_with_one_wrong_letter_finds_itself(name: str, at: int, letter: str) -> None:
    if len(name) < 6:
        return
    i = at % len(name)
    wrong = name[:i] + letter + name[i + 1 :]
    assert (
        wrong in HEADINGS or name in nearest(wrong, HEADINGS) or len(nearest(wrong, HEADINGS)) == 3
    )
