import re

import pytest

from tests.fixtures.html_page import Reader
from wrank.audit.page import Scale, clip, code, mark, page
from wrank.audit.report import audit
from wrank.audit.settings import AuditSettings

SETTINGS = AuditSettings(bootstrap=100)
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)> {{ 7 * 7 }} </style></title>"
DRAWN = {"line", "rect", "circle", "text"}


def full(made, name="made-up"):
    """Data that shows every part of the page."""
    first = {row.query_id: row.text for row in made.rows if row.grade == 3}
    made.change(lambda row: first[row.query_id], lambda row: row.grade == 2 and row.query_id < "q010")
    made.change(lambda row: f"However {row.text}", lambda row: row.grade == 1)
    data = made.input(
        evaluation={name: ([("e", made.queries["q001"])], [("e", made.rows[0].text)])},
        similarity=lambda queries, passages: [len(text) for text in passages],
        similarity_name=name,
        grader=lambda pairs: [len(text) % 4 for _, text in pairs],
        grader_name=name,
        rejects={name: 3},
        counts={name: name},
    )
    return page(audit(data, AuditSettings(bootstrap=100, min_queries=999)).figures)


def test_whatever_the_data_holds_is_text_on_the_page(make):
    made = make()
    made.queries = {id: f"{text} {ATTACK}" for id, text in made.queries.items()}
    made.rows = [row._replace(text=f"{row.text} {ATTACK}", passage_id=f"{row.passage_id}{ATTACK}") for row in made.rows]
    read = Reader(full(made, ATTACK))
    tags = {tag for tag, _ in read.found}
    assert not tags & {"script", "img", "iframe", "object", "base", "form"}
    assert not [name for _, attributes in read.found for name in attributes if name.startswith("on")]
    assert read.open == []
    assert "<script>alert(1)</script>" in "".join(read.words)
    assert "{{ 7 * 7 }}" in "".join(read.words)


def test_the_page_needs_nothing_else(make):
    html = full(make())
    assert not re.search(r"https?://|@import|url\(", html)
    assert "default-src 'none'" in html
    assert {attributes.get("href") for tag, attributes in Reader(html).found if tag == "link"} == {"data:,"}


def test_every_part_is_there_and_lies_within_its_plot(make):
    html = full(make())
    for words in (
        "Not fit to train on",
        "this run fails",
        "min_queries is 999",
        "Length by level",
        "Can a level be told without relevance?",
        "Does an independent judge agree?",
        "Does a judge that gives grades agree?",
        "In an evaluation set?",
        "Rejected while writing",
        "Most misordered queries",
        "Nearest duplicates",
        "Found in the evaluation",
        "<mark>However</mark>",
    ):
        assert words in html, words
    drawn = [attributes for tag, attributes in Reader(html).found if tag in DRAWN]
    assert len(drawn) > 200
    shares = [value for one in drawn for key, value in one.items() if key in ("x", "x1", "x2", "cx", "width")]
    assert all(0 <= float(value.removesuffix("%")) <= 100 for value in shares)


def test_a_page_without_judges_and_evaluation_is_whole(make):
    html = page(audit(make(queries=3).input(), SETTINGS).figures)
    assert "No evaluation set was given." in html
    assert "Does an independent judge agree?" not in html
    assert "Too few queries to tell" in html


def test_words_are_marked_and_the_rest_is_escaped():
    assert mark("The <b> cat, the end", "cat") == "The &lt;b&gt; <mark>cat,</mark> the end"
    assert mark("The cat, the end", "^ the") == "<mark>The</mark> cat, the end"
    assert code("a `b<` c") == "a <code>b&lt;</code> c"


def test_long_texts_are_cut():
    assert clip("a" * 600) == "a" * 500 + " …"
    assert clip("short") == "short"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (0, 130, [0, 25, 50, 75, 100, 125]), (-0.1, 0.9, [0, 0.25, 0.5, 0.75])],
)
def test_ticks_are_round(low, high, ticks):
    assert Scale(low, high).ticks() == ticks


@pytest.mark.parametrize(("low", "high"), [(5, 5), (1e-9, 2e-9), (0, 1e9), (-3, -1)])
def test_any_scale_has_ticks_within_it(low, high):
    scale = Scale(low, high)
    assert 2 <= len(scale.ticks()) <= 12
    assert scale.at(scale.low) == "0.00%"
    assert scale.at(scale.high + 1) == "100.00%"
