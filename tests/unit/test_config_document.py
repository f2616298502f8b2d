"""YAML with line marks: what is read, what is refused, and where."""

from pathlib import Path

import pytest

from lifeline.engine.config.document import Document, plain, read_document
from lifeline.engine.config.problems import Problems


def read(directory: Path, text: str | bytes) -> tuple[Document | None, list[str]]:
    path = directory / "file.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    problems = Problems()
    return read_document(path, problems), [problem.text() for problem in problems.all()]


def test_values_and_lines_of_keys_and_values(tmp_path: Path) -> None:
    document, texts = read(tmp_path, "a: 1\nb:\n  - x: off\n    y:\n      hello\n  - [1.5, ~]\n")
    assert texts == []
    assert document is not None
    assert document.value == {"a": 1, "b": [{"x": "off", "y": "hello"}, [1.5, None]]}
    assert document.where(("a",)) == "file.yaml:1"
    assert document.where(("b", 0, "y")) == "file.yaml:5"
    assert document.where(("b", 0, "y"), key=True) == "file.yaml:4"
    assert document.where(("b", 1, 0)) == "file.yaml:6"


def test_what_is_not_there_is_placed_at_its_parent(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "a:\n  b:\n    c: 1\n")
    assert document is not None
    assert document.where(("a", "b", "nothing", 3)) == "file.yaml:3"
    assert document.where(("nothing",)) == "file.yaml:1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("010", 10),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("12:30:45", "12:30:45"),
        ("2024-05-01", "2024-05-01"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("0x1F", "0x1F"),
        ("9" * 30, float("9" * 30)),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


def test_quoted_scalars_stay_text(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "a: \"1\"\nb: 'true'\nc: |\n  1\n")
    assert document is not None
    assert document.value == {"a": "1", "b": "true", "c": "1\n"}


def test_aliases_are_expanded(tmp_path: Path) -> None:
    document, texts = read(tmp_path, "a: &x {b: 1}\nc: *x\n")
    assert texts == []
    assert document is not None
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "file.yaml:3: the key stands twice; found 'a'; expected one only; "
            "the first is on line 1",
        ),
        ("? [a, b]\n: 1\n", "file.yaml:1: a key must be a plain word"),
        (
            "a: 1\nb: !!python/object:os.system {}\n",
            "file.yaml:2: tags are not allowed; found 'tag:yaml.org,2002:python/object:os.system'",
        ),
        ("a: !run x\n", "file.yaml:1: tags are not allowed; found '!run'"),
        ("a: 1\nb: [1, 2\nc: 3\n", "file.yaml:3: not valid YAML"),
        ("a: 1\n\tb: 2\n", "file.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "file.yaml:2: a second document begins; expected one"),
        ("a: &x [*x]\n", "file.yaml:1: the alias repeats nothing before it; found 'x'"),
        ("a: " + "[" * 80 + "]" * 80, "file.yaml:1: the file is nested too deeply"),
        ("a: *no\n", "file.yaml:1: the alias repeats nothing before it; found 'no'"),
        (b"a: \xff\xff\n", "file.yaml:1: the text cannot be read; found byte 0xff"),
        (b"a: 1\nb: \0\n", "file.yaml:2: the file is not text; found a zero byte"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str | bytes, problem: str) -> None:
    _, texts = read(tmp_path, text)
    assert len(texts) == 1
    assert texts[0].startswith(problem)


def test_aliases_of_aliases_end(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    _, texts = read(tmp_path, "\n".join(lines))
    assert len(texts) == 1
    assert "the file holds too many values" in texts[0]


def test_aliases_do_not_hide_depth(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 5_000))]
    _, texts = read(tmp_path, "\n".join(lines))
    assert len(texts) == 1
    assert texts[0].startswith("file.yaml:64: the file is nested too deeply")


def test_thousands_of_brackets_are_a_mistake_not_a_crash(tmp_path: Path) -> None:
    document, texts = read(tmp_path, "a: " + "[" * 100_000)
    assert document is None
    assert len(texts) == 1


def test_a_missing_file_and_a_directory_are_told(tmp_path: Path) -> None:
    problems = Problems()
    assert read_document(tmp_path / "none.yaml", problems) is None
    assert read_document(tmp_path, problems) is None
    assert [problem.message for problem in problems.all()] == ["the file cannot be read"] * 2


def test_chinese_in_gbk_is_read(tmp_path: Path) -> None:
    document, texts = read(tmp_path, "name: 东区门站\n".encode("gbk"))
    assert texts == []
    assert document is not None
    assert document.value == {"name": "东区门站"}
