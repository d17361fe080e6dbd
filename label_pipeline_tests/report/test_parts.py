"""The pieces a report is made of: words, marks, items, plots."""

import base64
from datetime import date, timedelta
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from label_pipeline.report import plots, words
from label_pipeline.report.items import SIDE, ItemViews, Look, clean, thumbnail
from label_pipeline.report.marks import HEIGHT, WIDTH, Point, level, sparkline

DAY = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.percent(0.9312), "93.1\xa0%"),
        (words.percent(1), "100\xa0%"),
        (words.percent(0.00048), "0.05\xa0%"),
        (words.percent(0.9996), "99.96\xa0%"),
        (words.percent(0.99999), ">99.99\xa0%"),
        (words.percent(1e-9), "<0.01\xa0%"),
        (words.percent(1e-300), "<0.01\xa0%"),
        (words.percent(float("nan")), "–"),
        (words.count(1204.0), "1,204"),
        (words.number(0.71234), "0.712"),
        (words.number(12345.6), "12,346"),
        (words.number(-0.0), "0"),
        (words.duration(42), "42 s"),
        (words.duration(0.5), "0.5 s"),
        (words.duration(185), "3 min 5 s"),
        (words.duration(7800), "2 h 10 min"),
        (words.duration(86_400 * 4), "4 d"),
        (words.change(0.91, 0.922, "share"), "+1.2 points"),
        (words.change(0.92, 0.91, "share"), "−1.0 points"),
        (words.change(0.91, 0.9101, "share"), "unchanged"),
        (words.change(None, 0.9, "share"), ""),
        (words.change(200, 120, "count"), "−80"),
        (words.change(0.733, 0.7236, "number"), "−0.009"),
        (words.change(0.733, 0.7331, "number"), "unchanged"),
        (words.hours(26.5), "1 d 2 h"),
        (words.hours(None), "–"),
        (words.number(-0.0038), "−0.0038"),
        (words.signed(0.031), "+0.031"),
        (words.signed(-2.0), "−2"),
        (words.interval(words.percent, 0.886, 0.943), "88.6 to 94.3\N{NO-BREAK SPACE}%"),
        (words.interval(words.FORMATS["points"], -0.042, 0.334), "−4.2 to +33.4 points"),
        (words.interval(words.hours, 53.0, 80.0), "2 d 5 h to 3 d 8 h"),
        (words.interval(words.hours, 53.0, None), "at least 2 d 5 h"),
        (words.interval(words.number, None, 3.0), "at most 3"),
        (words.interval(words.number, None, float("nan")), ""),
        (words.plural(1, "item"), "1 item"),
        (words.plural(2000, "item"), "2,000 items"),
    ],
)
def test_numbers_as_people_read_them(shown, expected):
    assert shown == expected


def nights(values):
    return [Point(DAY + timedelta(days=i), v) for i, v in enumerate(values)]


def test_a_sparkline_by_hand():
    """Loss: a trend drawn upside down."""
    drawn = sparkline(nights([0.0, 1.0, 0.5]), target=1.0)
    assert drawn.line == "M4.0 40.0L100.0 4.0L196.0 22.0"
    assert (drawn.target, drawn.last, drawn.band) == (4.0, (196.0, 22.0), "")


def test_missing_nights_keep_their_place_and_a_single_night_is_no_trend():
    """Loss: three nights without data drawn as if they had not been."""
    assert sparkline(nights([1.0])) is None
    assert sparkline(nights([None, 0.3, float("nan")])) is None
    drawn = sparkline([Point(DAY, 0.0), Point(DAY + timedelta(days=1), 0.0), Point(DAY + timedelta(days=10), 1.0)])
    assert drawn.line.split("L")[1].startswith("23.2 ")


finite = st.none() | st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(finite, finite, finite), max_size=12), finite)
def test_marks_stay_in_their_box(rows, target):
    """Loss: a line that leaves its card for odd numbers."""
    drawn = sparkline([Point(DAY + timedelta(days=i), *row) for i, row in enumerate(rows)], target)
    if drawn:
        numbers = [float(n) for pair in drawn.line[1:].split("L") for n in pair.split(" ")]
        assert all(0 <= x <= WIDTH for x in numbers[::2])
        assert all(0 <= y <= HEIGHT for y in numbers[1::2])


def test_shades():
    assert [level(s) for s in (0, 0.001, 0.5, 1)] == [0, 1, 4, 8]
    assert (level(0.1, 0.1), level(0.1, 0.0)) == (8, 0)


def test_text_is_cut_and_cleaned():
    """Loss: a page that cannot be written because one item holds half a character."""
    assert clean("x" * 10_000, 20) == "x" * 19 + "…"
    assert clean("a\x00b\ud800c\nd", 20) == "a\ufffdb\ufffdc\nd"
    assert clean({"k": 1}, 20) == '{"k": 1}'


def test_moments_are_shown_to_the_minute():
    """Loss: two lines of seconds and offsets beside every picture; or a text cut because it begins like a moment."""
    fields = {"at": "2026-10-05T04:01:38Z", "on": "2026-10-05T04:01:38.25+02:00", "note": "2026-10-05T04:01:38Z, again"}
    views = ItemViews(Look(lambda ids: dict.fromkeys(ids, fields), lambda _: None, "", ""), ["i"])
    assert views["i"].fields == [
        ("at", "2026-10-05 04:01"), ("on", "2026-10-05 04:01"), ("note", "2026-10-05T04:01:38Z, again")
    ]  # fmt: skip


def picture(width, height, kind="PNG", **options):
    buffer = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)).save(
        buffer, kind, **options
    )
    return buffer.getvalue()


def decoded(uri):
    return base64.b64decode(uri.split(",")[1])


def test_pictures_are_small_and_carry_nothing_but_pixels():
    """Loss: a 10 MB report, or the place where a photograph was taken in it."""
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    uri, small = thumbnail(picture(1600, 900, "JPEG", exif=exif) + b"secret tail")
    assert uri.startswith("data:image/jpeg")
    assert not small
    assert b"secret" not in decoded(uri)
    assert max(Image.open(BytesIO(decoded(uri))).size) == SIDE
    uri, small = thumbnail(picture(8, 8))
    assert uri.startswith("data:image/png")
    assert small
    assert Image.open(BytesIO(decoded(uri))).size == (8, 8)


@pytest.mark.parametrize("raw", [None, b"", b"no picture", picture(20, 20)[:40], b"<svg onload='alert(1)'/>"])
def test_what_is_no_picture_is_left_out(raw):
    """Loss: a report that fails, or runs a script, because of one broken file."""
    assert thumbnail(raw) == ("", False)


PLOTS = {
    "bar": lambda: plots.bar([f"class $x^{i}" for i in range(40)], [0.1, None] * 20, "Items by class"),
    "bar of nothing": lambda: plots.bar([], [], "Nothing"),
    "histogram": lambda: plots.histogram(np.random.default_rng(1).beta(5, 2, 5000), "Confidence"),
    "histogram of nothing": lambda: plots.histogram([float("nan")], "Confidence"),
    "line": lambda: plots.line(
        [DAY + timedelta(days=i) for i in range(14)], {"a": [0.5] * 14, "猫": [None] * 7 + [0.7] * 7}, "KPIs"
    ),
    "line of nothing": lambda: plots.line([], {}, "KPIs"),
    "heat": lambda: plots.heat(np.eye(10), list("0123456789"), "Confusion"),
    "heat of many": lambda: plots.heat(np.eye(60), [str(i) for i in range(60)], "Confusion"),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_are_small_and_the_same_again(name):
    """Loss: a Dagster storage that grows by megabytes a night, or metadata that differs on every rebuild."""
    drawn = PLOTS[name]()
    assert drawn == PLOTS[name]()
    assert len(drawn) < 15_000
    with Image.open(BytesIO(drawn)) as image:
        assert image.size == (plots.WIDTH, plots.HEIGHT)
        assert not image.info


def test_a_users_matplotlib_settings_stay_and_do_not_matter():
    """Loss: a plot that depends on what a notebook set before."""
    import matplotlib

    plain = PLOTS["heat"]()
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False}):
        assert PLOTS["heat"]() == plain
        assert matplotlib.rcParams["font.size"] == 20
