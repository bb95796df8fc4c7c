"""Trees as dotted keys, and the fewest words that tell them apart."""

from wrank.tracking.report.configuration import differing, flat, labels, shown

A = {"loss": {"_target_": "x.KL", "temperature": 0.1}, "sizes": [1, 2], "empty": {}, "seed": 0}
B = {"loss": {"_target_": "x.WS2", "temperature": 0.1}, "sizes": [1, 2], "empty": {}, "index": {"index": "ivf"}}


def test_flat():
    assert flat(A) == {"loss._target_": "x.KL", "loss.temperature": 0.1, "sizes": [1, 2], "empty": {}, "seed": 0}
    assert flat({}) == {}


def test_differing_tells_of_missing_keys_too():
    assert differing([flat(A), flat(B)]) == ["loss._target_", "seed", "index.index"]
    assert differing([flat({"a": None}), flat({})]) == ["a"]


def test_labels_take_the_fewest_keys_and_values_before_classes():
    assert labels([{"c._target_": 1, "t": 0.1, "u": 1}, {"c._target_": 2, "t": 0.2, "u": 2}]) == ["t=0.1", "t=0.2"]
    assert labels([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}]) == ["a=1, b=1", "a=1, b=2", "a=2, b=1"]
    assert labels([{"index": None}, {"index.index": "ivf"}]) == ["index=null", "index=ivf"]
    assert labels([{"a": 1}, {"a": 1}]) == ["", ""]
    assert labels([{"a": 1, "choice.loss": "ws2"}, {"a": 2, "choice.loss": "kl"}]) == ["loss=ws2", "loss=kl"]


def test_shown():
    assert shown({"a": "f" * 64}, "a") == "ffffffff"
    assert shown({"a": [1, None]}, "a") == "[1, null]"
    assert shown({}, "a") == "–"
    assert shown({"a": "x" * 500}, "a").endswith("…")
