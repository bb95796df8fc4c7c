"""The page is whole, alone in the world, and safe whatever names hold."""

import pytest

from tests.fixtures.html_page import Reader
from tests.unit.tracking.report.made import Made
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.gather import gather
from wrank.tracking.report.page import commit_of, to_page

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"' {{ 7 * 7 }} </style>"


def read(gathered, title="a study"):
    html = to_page(gathered, title, {"store": "x"})
    return Reader(html), html


def check_alone(reader, html):
    assert "http://" not in html
    assert "https://" not in html
    assert not {"script", "iframe", "img", "object"} & {tag for tag, _ in reader.found}
    for tag, attrs in reader.found:
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:,")), (tag, attrs)
    assert "@import" not in html
    assert "url(" not in html


def test_the_verdict_comes_first_and_then_the_table(study):
    study.training("listnet", 0)
    reader, html = read(gather(study.library, Filter()))
    check_alone(reader, html)
    assert reader.text.index("m-kl beats base.") < reader.text.index("0.5100 nDCG@10") < reader.text.index("System")
    assert html.index('class="headline"') < html.index('id="table"') < html.index('id="differences"')
    assert "m-listnet was not evaluated on any set" in reader.text
    assert "[0.485, 0.535]" in reader.text
    assert "S eeds" in reader.text  # the legend of the intervals


def test_links_of_the_page_lead_somewhere(study):
    reader, _ = read(gather(study.library, Filter()))
    places = {attrs["id"] for _, attrs in reader.found if "id" in attrs}
    assert {attrs["href"][1:] for _, attrs in reader.found if attrs.get("href", "").startswith("#")} <= places


def test_curves_shift_and_configuration_are_shown_where_there_are_any(tmp_path):
    made = Made(tmp_path)
    for where in ("news", "web"):
        made.evaluation([0.1, 0.2, 0.4], where=where)
    for loss in ("kl", "ws2"):
        for seed in (0, 1):
            training = made.training(loss, seed, curves=f"step,train/loss\n0,2\n1,{1 + seed}\n", rate=len(loss))
            for where in ("news", "web"):
                made.evaluation([0.2, 0.3, 0.5 + seed / 10], training=training, where=where)
    reader, html = read(gather(made.library, Filter()))
    check_alone(reader, html)
    for place in ("curves", "cost", "shift", "queries", "configuration", "lineage"):
        assert f'id="{place}"' in html
    assert html.count('class="seed"') == 4
    assert html.count('class="mean"') == 2
    assert "out-of-domain" in reader.text
    assert "choice.loss" in reader.text


def test_names_cannot_break_the_page(tmp_path):
    made = Made(tmp_path)
    made.evaluation([0.1, 0.2], name=ATTACK)
    made.evaluation([0.2, 0.3], name="b")
    reader, html = read(gather(made.library, Filter(), reference="b"), ATTACK)
    check_alone(reader, html)
    assert "<script" not in html
    assert "49" not in reader.words[0]


def test_one_system_alone_is_a_page_too(made):
    made.evaluation([0.1])
    reader, html = read(gather(made.library, Filter()))
    check_alone(reader, html)
    assert "nothing to compare it with" in reader.text
    assert 'id="differences"' not in html


@pytest.mark.parametrize(
    ("git", "words"),
    [({}, "–"), ({"commit": "a" * 40, "dirty": True}, "aaaaaaaaaa*"), ({"commit": "b" * 40}, "b" * 10)],
)
def test_commits(git, words):
    assert commit_of({"git": git}) == words
