import re

import pytest

from wrank.errors import WrankError
from wrank.evaluation.measure_name import check_main, parse_measures


def test_measures_are_kept_once_in_order():
    assert [str(measure) for measure in parse_measures(["RR@10", " AP", "MAP", "nDCG@10"])] == [
        "RR@10",
        "AP",
        "nDCG@10",
    ]


@pytest.mark.parametrize(
    "names",
    [
        [],
        "AP",
        ["ndgc@10"],
        ["nDCG@"],
        ["nDCG@ten"],
        ["nDCG@0"],
        ["Unjudged@0"],
        ["Unjudged"],
        ["Unjudged@ten"],
        ["RR(level=2)@10"],
        ["nDCG@10 AP"],
        ["P"],
        ["AP_IA"],
        [""],
    ],
)
def test_a_measure_that_cannot_be_computed_is_an_error_with_examples(names):
    with pytest.raises(WrankError, match="measure"):
        parse_measures(names)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ndcg@10", "nDCG@10"),
        ("NDCG_10@10", "nDCG@10"),
        ("mrr@10", "RR@10"),
        ("rr(rel=2)@10", "RR(rel=2)@10"),
        ("map", "AP"),
        ("Unjudgd@5", "Unjudged@5"),
        ("Recal@100", "R@100"),
    ],
)
def test_a_name_in_other_letters_is_told_with_the_one_that_was_meant(name, meant):
    with pytest.raises(WrankError, match=re.escape(f"measure {name!r} cannot be read (")) as error:
        parse_measures([name])
    assert str(error.value).endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize("name", ["what@10", "ndcg@ten", "@10", ""])
def test_where_nothing_is_near_examples_are_given(name):
    with pytest.raises(WrankError, match="examples: nDCG@10"):
        parse_measures([name])


@pytest.mark.parametrize("name", ["nDCG@10", "RR(rel=2)@10", "AP", "Judged@10", "Success@1"])
def test_systems_can_be_compared_in_means(name):
    check_main(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NumRet", "NumRet cannot be: it is no mean"),
        ("NumRelRet", "no mean"),
        ("NumQ", "no mean"),
        ("unjudged@10", "Unjudged@10 cannot be: less of it is better"),
    ],
)
def test_systems_cannot_be_compared_in_sums_or_where_less_is_better(name, reason):
    with pytest.raises(WrankError, match=reason):
        check_main(name)
