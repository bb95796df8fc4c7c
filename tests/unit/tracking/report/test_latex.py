"""What LaTeX reads is balanced and escaped."""

import re

import pytest

from tests.unit.tracking.report.made import Made
from wrank.tracking.report.choose import Filter
from wrank.tracking.report.gather import gather
from wrank.tracking.report.latex import escaped, to_latex


def check(text):
    """Braces and environments are balanced, no sign stands bare, and every row has as many cells as the head."""
    plain = re.sub(r"\\[\\{}%&_#$]", "", text)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    body = "\n".join(line for line in plain.split("\n") if not line.startswith("%"))
    outside = re.sub(r"\$[^$]*\$", "", body)
    assert not re.search(r"[%#_^~<>]", outside), re.search(r".*[%#_^~<>].*", outside)
    begun, ended = re.findall(r"\\begin\{(\w+)\}", text), re.findall(r"\\end\{(\w+)\}", text)
    assert sorted(begun) == sorted(ended)
    for columns, inner in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in inner.strip().split("\n") if line.endswith(r"\\")]
        assert rows
        for row in rows:
            assert len(re.findall(r"(?<!\\)&", row)) + 1 == len(columns), row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ws2_paired & 50% #1 $x", r"ws2\_paired \& 50\% \#1 \$x"),
        ("a\\b{c}", r"a\textbackslash{}b\{c\}"),
        ("~^<|>", r"\textasciitilde{}\textasciicircum{}\textless{}\textbar{}\textgreater{}"),
        ("a\n b – c…", r"a b -- c\dots{}"),
    ],
)
def test_signs_are_escaped(text, expected):
    assert escaped(text) == expected


def test_the_table_of_a_study(study):
    study.training("list_net", 0)
    text = to_latex(gather(study.library, Filter()), "50% & more_")
    check(text)
    assert r"\toprule" in text
    assert r"m-kl & 3 & \textbf{0.5100}$^{+}$ \\" in text
    assert r"{\scriptsize s [0.485, 0.535]}" in text
    assert r"m-list\_net & 0 & -- \\" in text
    assert r"\caption{50\% \& more\_ " in text


def test_many_sets_are_several_tables_with_labels_of_their_own(tmp_path):
    made = Made(tmp_path)
    training = made.training("w_1", 0)
    for place in range(7):
        for one in (None, training):
            made.evaluation([0.1, 0.2, 0.3 + (one is not None) * 0.1], training=one, where=f"set_{place}")
    text = to_latex(gather(made.library, Filter()), "x")
    check(text)
    assert len(re.findall(r"\\begin\{table\}", text)) == 2
    assert len(set(re.findall(r"\\label\{(.*?)\}", text))) == 2
    assert "Average" in text
