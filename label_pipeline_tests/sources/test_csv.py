"""Plain CSV: what stands in a file is read, what cannot be read is set aside line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_pipeline_tests.sources.reader import column, problem, read

HEAD = "item_id,annotator_id,label\n"
PLAIN = HEAD + "1,x,a\n2,ü,b\n"
WHOLE = [("1", "x", "a"), ("2", "ü", "b")]
MAPPED = (
    "format: csv, item: i, annotator: w, label: l, annotation_id: k, annotated_at: t, started_at: s, duration_s: d, "
    "status: st"
)


def triples(folder: Path, content: str | bytes, source: str = "format: csv") -> list[tuple[str, ...]]:
    found = read(folder, content, source)
    assert len(found.broken) == 0
    return column(found.answers, "item_id", "annotator", "label")


@pytest.mark.parametrize(
    ("content", "source"),
    [
        (PLAIN, "format: csv"),
        (PLAIN.rstrip("\n"), "format: csv"),
        ("\ufeff" + PLAIN, "format: csv"),
        (PLAIN.replace("\n", "\r\n"), "format: csv"),
        (PLAIN.replace("\n", "\r"), "format: csv"),
        (PLAIN.replace("\n", "\r\n", 1), "format: csv"),
        (PLAIN + "\n\n", "format: csv"),
        ("\n \n" + PLAIN, "format: csv"),
        (PLAIN.replace(",", ";"), "format: csv, delimiter: ';'"),
        (PLAIN.replace(",", "\t"), 'format: csv, delimiter: "\\t"'),
        (PLAIN.encode("latin-1"), "format: csv, encoding: latin-1"),
        (PLAIN.encode("utf-16"), "format: csv, encoding: utf-16"),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "format: csv, encoding: utf-16"),
        (PLAIN.replace("\n", "\r\n").encode("utf-16"), "format: csv, encoding: utf-16"),
        (" item_id , annotator_id,label\n1,x,a\n2,ü,b\n", "format: csv"),
        ('"item_id","annotator_id","label"\n"1","x","a"\n"2","ü","b"\n', "format: csv"),
        ('label,"two\nlines",item_id,annotator_id\na,,1,x\nb,,2,ü\n', "format: csv"),
    ],
    ids=str,
)
def test_the_same_rows_however_they_are_written(tmp_path: Path, content: str | bytes, source: str) -> None:
    """Loss: a file saved by another program must not land as another file, or as an empty one."""
    assert triples(tmp_path, content, source) == WHOLE


def test_quotes_newlines_and_odd_signs_stay(tmp_path: Path) -> None:
    """Loss: a value split at its own newline or semicolon is two wrong rows."""
    content = HEAD + '"a ""b"";c","d\ne","🙂,\'"\n"x\r\ny",2" wide,b\n'
    assert triples(tmp_path, content) == [('a "b";c', "d\ne", "🙂,'"), ("x\ny", '2" wide', "b")]


def test_every_mapped_part_is_read(tmp_path: Path) -> None:
    """Loss: a mapping that is checked and then not read leaves a figure empty for ever."""
    content = (
        "k,w,i,l,t,s,d,st,more\n k1 , p1 , i1 , a , 2026-10-05 , 2026-10-04 , 3.5 , SUBMITTED , secret\n,,,,,,,,\n"
    )
    answers = read(tmp_path, content, MAPPED).answers
    assert answers.to_pylist()[0] == {
        "landed_row": 1,
        "answer": 1,
        "annotation_id": " k1 ",
        "item_id": " i1 ",
        "annotator": " p1 ",
        "label": " a ",
        "status": "submitted",
        "is_gold_check": False,
        "started_at": " 2026-10-04 ",
        "annotated_at": " 2026-10-05 ",
        "duration_s": " 3.5 ",
        "duration_source": "measured",
        "batch_id": None,
    }
    empty = answers.to_pylist()[1]
    assert {k: v for k, v in empty.items() if v is not None} == {
        "landed_row": 2,
        "answer": 1,
        "status": "submitted",
        "is_gold_check": False,
        "duration_source": "measured",
    }


def test_where_durations_come_from(tmp_path: Path) -> None:
    """Loss: a duration computed from two times is no measured one, and must not be taken for it."""
    content = "item_id,annotator_id,label,t,s\n1,x,a,2026-10-05,2026-10-04\n"
    found = read(tmp_path, content, "format: csv, annotated_at: t, started_at: s")
    assert column(found.answers, "duration_s", "duration_source") == [(None, "accept_submit")]
    assert column(read(tmp_path, content, "format: csv").answers, "duration_source") == ["none"]


def test_several_numbered_answers_in_a_row(tmp_path: Path) -> None:
    """Loss: of five answers in a row only the first would count."""
    content = "annotator_id,item1,item2,item10,label1,label2,d\nx,1,2,3,a,,9\ny,,,,,,9\nz,,5,,b,b,9\n"
    found = read(tmp_path, content, "format: csv, item: 'item<n>', label: 'label<n>', duration_s: d")
    assert column(found.answers, "landed_row", "answer", "item_id", "label", "duration_s", "duration_source") == [
        (1, 1, "1", "a", "3.0", "suite_divided"),
        (1, 2, "2", None, "3.0", "suite_divided"),
        (1, 3, "3", None, "3.0", "suite_divided"),
        (3, 1, None, "b", "3.0", "suite_divided"),
        (3, 2, "5", "b", "3.0", "suite_divided"),
    ]
    words = problem(
        tmp_path, "annotator_id,item1,label1,label2\nx,1,a,b\n", "format: csv, item: 'item<n>', label: 'label<n>'"
    )
    assert words == "column_missing: column 'label2' has no item column beside it"


def test_item_fields_are_kept_and_nothing_else(tmp_path: Path) -> None:
    """Loss: a column nobody declared may be anything, a phone number too."""
    content = "item_id,annotator_id,label,text,phone\n1,x,a,hello,123\n"
    found = read(tmp_path, content, "format: csv, fields: {body: text}", fields="[body, absent]")
    assert column(found.items, "landed_row", "item_id", "payload") == [(1, "1", '{"body":"hello"}')]
    assert column(read(tmp_path, content, "format: csv").items, "payload") == ["{}"]


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "too few": ("2,y\n", "Expected Number of Columns: 3 Found: 2"),
    "too many": ("2,y,b,c\n", "Expected Number of Columns: 3 Found: 4"),
    "no UTF-8": (b"2,\xe9,b\n", "not utf-8"),
    "quote in the middle": ('2,"y"z,b\n', "quote"),
    "too long": ("2," + "y" * 5000 + ",b\n", "line size"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_broken_line_is_set_aside_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, end: str
) -> None:
    """Loss: one broken line must cost one line, and be found again by its number."""
    monkeypatch.setattr("label_pipeline.sources.landed.LONGEST_LINE", 4096)
    line, words = BROKEN[case]
    line = line.encode() if isinstance(line, str) else line
    content = (HEAD + '"1\n1",x,a\n').encode() + line + b"3,z,a\n" + line + line + b"6,w,b\n"
    found = read(tmp_path, content.replace(b"\n", end.encode()), "format: csv")
    assert column(found.answers, "landed_row", "label") == [(1, "a"), (3, "a"), (6, "b")]
    assert column(found.broken, "landed_row") == [2, 4, 5]
    assert all(words.lower() in reason.lower() for reason in column(found.broken, "reason"))
    assert not any("y" * 9 in reason for reason in column(found.broken, "reason"))


def test_a_quote_that_never_ends_sets_the_rest_aside(tmp_path: Path) -> None:
    """Loss: an open quote swallows all rows after it, which must be seen."""
    found = read(tmp_path, HEAD + '1,x,a\n2,"y,b\n3,z,a\n', "format: csv")
    assert column(found.answers, "item_id") == ["1"]
    assert column(found.broken, "landed_row", "reason") == [(2, "Value with unterminated quote found.")]


WRONG_FILES = {
    "empty": (b"", "file_empty: the file is empty"),
    "blank": (b"\n \n\n", "file_empty: the file has no line"),
    "compressed": (b"\x1f\x8b\x08\0\0", "file_unreadable: the file is compressed; land it unpacked"),
    "spreadsheet": (b"PK\x03\x04\x14\0", "file_unreadable: the file is a zip archive or a spreadsheet"),
    "Parquet": (b"PAR1\x15\x04", "file_unreadable: the file is a Parquet file"),
    "UTF-16": (PLAIN.encode("utf-16"), "file_unreadable: the file is UTF-16; set encoding: utf-16"),
    "binary": (b"item_id,\0\0\n", "file_unreadable: the file is binary or damaged: it holds NUL bytes"),
    "JSON": (b'[{"item_id": 1}]', "column_missing: column 'annotator_id' is missing"),
    "semicolons": (PLAIN.replace(",", ";").encode(), "column_missing: column 'annotator_id' is missing"),
    "open quote": (b'"item_id,annotator_id\n1,x\n', "column_missing: column 'annotator_id' is missing"),
    "huge first line": (b'"' + b"x" * 200_000, "file_unreadable: the first line cannot be read"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_file_that_is_something_else(tmp_path: Path, case: str) -> None:
    """Loss: a message about a column sends people to the project file when the export is what is wrong."""
    content, words = WRONG_FILES[case]
    assert problem(tmp_path, content, "format: csv").startswith(words)


def test_a_file_in_another_encoding_than_declared(tmp_path: Path) -> None:
    """Loss: text in a wrong encoding that is read without complaint is garbage in every report."""
    words = problem(tmp_path, PLAIN, "format: csv, encoding: utf-16")
    assert words.startswith("file_unreadable: the file is not utf-16 text")
    odd = PLAIN.encode("utf-16") + b"\x00"
    assert problem(tmp_path, odd, "format: csv, encoding: utf-16").startswith("file_unreadable")


@pytest.mark.parametrize(
    ("header", "source", "words"),
    [
        (
            "item,annotator_id,label",
            "format: csv",
            "column 'item_id' is missing [column_missing]. Did you mean 'item'?",
        ),
        (
            "item_id,annotator_id,Label",
            "format: csv",
            "column 'label' is missing [column_missing]. Did you mean 'Label'",
        ),
        ("item_id,annotator_id,b", "format: csv, label: [l, x]", "column 'l' or 'x' is missing"),
        ("item_id,annotator_id,label", "format: csv, annotated_at: when", "Set annotated_at in the project file."),
        ("item_id,label,label,annotator_id", "format: csv", "two columns are named 'label' [column_twice]"),
        ("1,jane@example.com,Jane Doe", "format: csv", "None of the file's 3 columns is like it."),
    ],
)
def test_columns_that_are_missing_or_twice(tmp_path: Path, header: str, source: str, words: str) -> None:
    """Loss: a message must name the column to mend, and never show people from a file without a header."""
    from label_pipeline_tests.sources.reader import outcome

    found = str(outcome(tmp_path, header + "\n1,x,a\n", source))
    assert words in found
    assert "jane" not in found.lower()


@pytest.mark.parametrize(
    "extra",
    ["Label", "LABEL", "landed_row", "Landed_Row", "answer", 'we"ird', "a;b", "'", "", "label ", "ſ", "x" * 5000],
)
def test_no_other_column_stands_in_the_way(tmp_path: Path, extra: str) -> None:
    """Loss: a column that is none of ours, but named like one of ours, must not change what is read."""
    quoted = '"' + extra.replace('"', '""') + '"'
    if extra.strip() == "label":
        assert problem(tmp_path, f"{HEAD.strip()},{quoted}\n1,x,a,9\n", "format: csv").startswith("column_twice")
        return
    assert triples(tmp_path, f"{quoted},{HEAD.strip()}\n9,1,x,a\n") == [("1", "x", "a")]
    assert triples(tmp_path, f"{HEAD.strip()},{quoted},{quoted}\n1,x,a,9,9\n") == [("1", "x", "a")]


@pytest.mark.parametrize(
    "name", ["a*.csv", "a?.csv", "a[b].csv", "a'b.csv", 'a"b.csv', "ü 🙂.csv", "x.csv.gz", "a=b.csv"]
)
def test_a_file_is_read_by_its_name_and_no_other(tmp_path: Path, name: str) -> None:
    """Loss: a star in a name would read its neighbours too, and count their rows twice."""
    for other in ("ab.csv", "a1.csv", "abb.csv"):
        (tmp_path / other).write_text(HEAD + "9,z,b\n")
    found = read(tmp_path, PLAIN, "format: csv", name=name)
    assert column(found.answers, "item_id") == ["1", "2"]
