"""The page of a comparison: whole, safe whatever the data holds, alone in the world, and of bounded size."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.html_page import Reader
from wrank.evaluation.calibration import calibration
from wrank.evaluation.comparison import compare_systems
from wrank.evaluation.comparison_data import SetRule
from wrank.evaluation.scored import Scored
from wrank.evaluation.slices import query_facts, slice_means
from wrank.tracking import comparison_view
from wrank.tracking.comparison_page import page, write_page

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)> {{ 7 * 7 }} </style></title>"
MEASURE = "nDCG@10"
EFFECTS = {"base": 0.0, "up": 0.1, "down": -0.1, "even": 0.0}


def made(sets=("news/test",), effects=EFFECTS, queries=40, in_domain=(), texts=None, seeds=1, diagnosed=False):
    """A comparison of systems that are so much better than the first on every query, give or take."""
    random = np.random.default_rng(7)
    ids = [f"q{place:04d}" for place in range(queries)]
    texts = texts or [f"words of {query_id}" for query_id in ids]
    qrels = {query_id: {f"d{place}": place % 3 for place in range(1, 5)} for query_id in ids}
    facts = query_facts(ids, texts, qrels, {query_id: place for place, query_id in enumerate(ids)})
    scored, diagnosis = {system: {} for system in effects}, {system: {} for system in effects}
    for name in sets:
        base = random.uniform(0.2, 0.8, queries)
        noise = random.normal(0, 0.02, queries)
        for system, effect in effects.items():
            runs = []
            for seed in range(seeds):
                shift = 0 if system == next(iter(effects)) else effect + noise * (1 if effect else (-1) ** seed)
                values = np.clip(base + shift, 0, 1)
                rows = {query_id: {MEASURE: value, "RR@10": 0.5} for query_id, value in zip(ids, values, strict=True)}
                runs.append(Scored(system, Path("none"), {MEASURE: values.mean(), "RR@10": 0.5}, rows, {}))
            scored[system][name] = runs
            run = {query_id: [("d1", 1.0), ("d2", 2.0 + effect), ("d3", 0.5)] for query_id in ids}
            slices = slice_means(runs[0].per_query, facts, [MEASURE])
            coherence = {"depth": 10, "overlap": 0.625, "rbo": None, "pairs": 3}
            diagnosis[system][name] = {
                "slices": slices,
                "calibration": calibration(run, qrels),
                "coherence": coherence,
            }
    rules = [SetRule(name, MEASURE, name, name in in_domain) for name in sets]
    found = compare_systems(scored, rules, next(iter(effects)), samples=200)
    found = replace(found, queries=dict.fromkeys(sets, facts))
    return replace(found, diagnosis=diagnosis) if diagnosed else found


def test_every_part_is_there_in_the_order_a_person_wants_it():
    found = made(("news/test", "law/test"), in_domain=("news/test",), seeds=2, diagnosed=True)
    html = page(found, "A study", {"command": "wrank evaluate"})
    sections = ["table", "differences", "queries", "shift", "kinds", "measures", "facts", "reading"]
    assert re.findall(r'<h2 id="(\w+)"', html) == sections
    text = Reader(html).text
    assert text.index("Better than base on all 2 sets.") < text.index("Systems on the test sets")
    for words in (
        "Worse than base on all 2 sets.",
        "No proof of a difference to base on any of 2 sets.",
        "Means and their intervals",
        "The tests in figures",
        "Most improved",
        "Most harmed",
        "Out-of-domain",
        "Words in the query",
        "How often the query is asked",
        "Do scores order the grades?",
        "Paraphrases of one question",
        "RR@10",
        "wrank evaluate",
        "Holm's correction",
    ):
        assert words in text, words


def test_the_main_table_shows_what_was_computed():
    found = made(seeds=3)
    html = page(found, "t", {})
    table = html[html.index('<table class="main">') :]
    table = table[: table.index("</table>")]
    for system in found.systems:
        cell = found.cells[system]["news/test"]
        assert f"{cell.mean:.4f}" in table
        assert f"± {cell.std:.4f}" in table
        assert f"[{cell.low:.3f}, {cell.high:.3f}]" in table
    rows = {system: re.search(rf"<th>{system}.*?</tr>", table, re.S).group() for system in found.systems}
    assert "▲" in rows["up"]
    assert "is-better" in rows["up"]
    assert "▼" in rows["down"]
    assert "is-worse" in rows["down"]
    assert "▲" not in rows["even"] + rows["base"]
    assert [system for system in rows if 'class="best"' in rows[system]] == ["up"]


def test_on_a_narrow_screen_every_cell_of_the_wide_tables_names_its_column():
    """They are turned over there; other tables scroll, with a shadow where there is more."""
    found = made(("a", "b"))
    html = page(found, "t", {})
    main = re.search(r'<table class="main">.*?</table>', html, re.S).group()
    heads = re.findall(r'<td data-head="([^"]*)"', main)
    assert heads == ["a", "b", "Average"] * len(found.systems)
    assert len(heads) == main.count("<td")
    tests = re.search(r'<table class="tests">.*?</table>', html, re.S).group()
    columns = tests.split("</thead>")[0].count("<th>")
    named = re.findall(r'\.tests td:nth-child\((\d+)\)::before { content: "[^"]+"', html)
    assert [int(place) for place in named] == list(range(2, columns + 1))
    assert "scroll;" in re.search(r"\.table { overflow-x: auto.*?}", html, re.S).group()


def test_tests_are_shown_as_computed():
    found = made()
    tests = page(found, "t", {})
    tests = tests[tests.index('<table class="tests">') :]
    cell = found.cells["even"]["news/test"]
    for value in (cell.p_randomisation, cell.p_t, cell.p_holm):
        assert f"{value:.4f}" in tests
    assert f"{cell.difference.better} / {cell.difference.worse} / {cell.difference.equal}" in tests


def test_the_most_changed_queries_are_named_with_both_values():
    found = made(effects={"base": 0.0, "even": 0.0}, queries=60)
    base, own = (found.per_query[system]["news/test"] for system in found.systems)
    ranked = sorted(base, key=lambda query_id: own[query_id] - base[query_id])
    html = page(found, "t", {})
    lists = html[html.index('<div class="pair">') : html.index('id="measures"')]
    assert re.findall(r"words of (q\d+)", lists) == [*ranked[:-11:-1], *ranked[:10]]
    assert f"{base[ranked[0]]:.4f} → {own[ranked[0]]:.4f}" in lists
    assert len(re.findall("<title>", html)) == 1 + 60


def test_whatever_the_data_holds_is_text_on_the_page():
    texts = [f"{ATTACK} {place}" for place in range(40)]
    name, systems = f"set {ATTACK}", {f"{system} {ATTACK}": effect for system, effect in EFFECTS.items()}
    found = made((name, "other"), systems, texts=texts, in_domain=(name,), diagnosed=True)
    for row in found.diagnosis.values():
        for one in row.values():
            one["slices"][ATTACK] = {ATTACK: {"queries": 2, MEASURE: 0.5}}
            one["calibration"]["grades"][ATTACK] = {"mean_score": 1.0}
    found = replace(found, measures={s: {n: {ATTACK: 0.5} for n in row} for s, row in found.measures.items()})
    read = Reader(page(found, ATTACK, {ATTACK: ATTACK}))
    tags = {tag for tag, _ in read.found}
    assert not tags & {"script", "img", "iframe", "object", "base", "form"}
    assert not [name for _, attributes in read.found for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in read.text
    assert "{{ 7 * 7 }}" in read.text


def test_the_page_needs_nothing_else():
    html = page(made(("a", "b"), in_domain=("a",), diagnosed=True), "t", {})
    assert not re.search(r"https?://|@import|url\(|<script", html)
    assert "default-src 'none'" in html
    read = Reader(html)
    assert {attributes.get("href") for tag, attributes in read.found if tag == "link"} == {"data:,"}
    assert not [attributes for _, attributes in read.found if "src" in attributes]
    ids = {attributes["id"] for _, attributes in read.found if "id" in attributes}
    assert {attributes["href"].removeprefix("#") for tag, attributes in read.found if tag == "a"} <= ids


def test_everything_drawn_lies_within_its_plot():
    html = page(made(("a", "b"), in_domain=("a",), diagnosed=True), "t", {})
    drawn = [one for tag, one in Reader(html).found if tag in ("line", "rect", "circle", "text")]
    shares = [value for one in drawn for key, value in one.items() if key in ("x", "x1", "x2", "cx", "width")]
    assert len(shares) > 100
    assert all(0 <= float(value.removesuffix("%")) <= 100 for value in shares)


def test_texts_of_any_kind_are_written(tmp_path):
    texts = ["", " \n ", "ما هي", "高速飞机", "a" * 5000, "nul \x00 lone \ud800 \x85", None]
    found = made(queries=7, texts=["x"] * 7)
    facts = {q: {"text": text} for q, text in zip(found.queries["news/test"], texts, strict=True) if text is not None}
    write_page(tmp_path / "page.html", replace(found, queries={"news/test": facts}), "t", {})
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x08\x7f-\x9f]", html)
    read = Reader(html)
    for words in ("(empty) q0000", "(empty) q0001", "ما هي", "高速飞机", "query q0006", "nul � lone �"):
        assert words in read.text, words
    assert "a" * 201 not in html


def test_a_page_without_facts_of_queries_or_diagnosis_is_whole():
    found = replace(made(), queries={}, diagnosis={})
    read = Reader(page(found, "t", {}))
    assert "query q0000" in read.text
    assert "Kinds of queries" not in read.text.split("How to read this")[0]
    assert "Distribution shift" not in read.text


def test_half_a_diagnosis_is_shown():
    found = made(diagnosed=True)
    some = {
        "base": {"news/test": {"slices": {"words": {"<=3": {"queries": 2, MEASURE: 0.25}}}}},
        "up": {"news/test": {"slices": {"words": {"4-6": {"queries": 3}}}, "calibration": {"grades": {"1": {}}}}},
    }
    text = Reader(page(replace(found, diagnosis=some), "t", {})).text
    assert "≤ 3" in text
    assert "0.250" in text
    assert "Do scores order the grades?" in text


def test_grades_whose_scores_coincide_share_their_words():
    found = made(effects={"base": 0.0}, diagnosed=True)
    grades = {"0": {"mean_score": 1.0}, "1": {"mean_score": 1.0}, "2": {"mean_score": 2.0}}
    found.diagnosis["base"]["news/test"]["calibration"]["grades"] = grades
    assert re.findall(r'class="digit"[^>]*>([^<]*)<', page(found, "t", {})) == ["0 1", "2"]


def test_many_sets_are_the_rows():
    names = [f"set{place}" for place in range(9)]
    found = made(names, {"base": 0.0, "up": 0.1}, queries=6)
    html = page(found, "t", {})
    assert "<th>Test set</th>" in html
    assert "<th>set8<small>nDCG@10</small></th>" in html
    assert "<th>Average<small>9 sets</small></th>" in html
    assert html.count("<summary>1 more sets</summary>") == 3
    Reader(html)


def test_a_set_that_a_system_lacks_is_a_dash():
    found = made(("a", "b"), {"base": 0.0, "up": 0.1})
    cells = {"base": found.cells["base"], "up": {"a": found.cells["up"]["a"]}}
    found = replace(found, cells=cells, averages={}, averaged=(), shift={})
    html = page(found, "t", {})
    assert '<td data-head="b">–</td>' in html
    assert "Not scored on 1 set." in Reader(html).text


def test_a_system_alone_is_shown_without_tests():
    read = Reader(page(made(effects={"base": 0.0}, diagnosed=True), "t", {}))
    assert "there is nothing to compare it with" in read.text
    assert "Differences and tests" not in read.text
    assert "Query by query" not in read.text
    assert "Do scores order the grades?" in read.text


def test_one_query_has_no_interval():
    text = Reader(page(made(queries=1), "t", {})).text
    assert "one query" in text
    assert "[0." not in text


def test_seven_thousand_queries_fit_into_a_small_page():
    texts = ["高速飞机的相似律是什么" * 30] * 3500 + ['"<&>"' * 60] * 3500
    found = made(effects={"base": 0.0, "up": 0.1}, queries=7000, texts=texts)
    systems = ("base", *(f"up {place}" for place in range(40)))
    grown = {
        part: {system: getattr(found, part)[system.split()[0]] for system in systems}
        for part in ("cells", "measures", "per_query", "averages", "shift")
    }
    html = page(replace(found, systems=systems, **grown), "t", {})
    assert len(html.encode()) < 3e6
    assert "a bar is the mean of up to 14" in Reader(html).text


@pytest.mark.timeout(120)
def test_many_pairs_fit_and_what_is_left_out_is_told():
    systems = {f"system {place}": 0.001 * place for place in range(31)}
    found = made([f"set{place}" for place in range(30)], systems, queries=5, diagnosed=True)
    html = page(found, "t", {f"fact {place}": "x" for place in range(700)})
    assert len(html.encode()) < 3e6
    text = Reader(html).text
    assert "Queries are named for the 24 largest mean differences of 900" in text
    assert "The 200 largest mean differences are drawn; the other 700 are left out" in text
    assert "18 more sets are in the tables only" in text
    assert "24 more sets are left out" in text
    assert "100 more are left out" in text


def test_the_first_set_is_always_drawn(monkeypatch):
    monkeypatch.setattr(comparison_view, "PLOTTED", 1)
    monkeypatch.setattr(comparison_view, "DIAGNOSED", 1)
    found = made(("a", "b"), diagnosed=True)
    assert [plot["drawn"] for plot in comparison_view.interval_plots(found)] == [True, False]
    assert comparison_view.diagnoses(found)["left_out"] == 1
