"""What every augmentation promises, each shipped option among them."""

import copy
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from wrank.data.augment.balance import Balance
from wrank.data.augment.chain import Chain
from wrank.data.augment.crop import Crop
from wrank.data.augment.sentence_noise import SentenceNoise
from wrank.data.augment.token_noise import TokenNoise
from wrank.records import RankedList

CONF = Path(__file__).resolve().parents[4] / "conf" / "data" / "augment"
OPTIONS = sorted(path.stem for path in CONF.glob("*.yaml"))


def option(name, seed=0):
    cfg = OmegaConf.create({"seed": seed, "data": {"augment": OmegaConf.load(CONF / f"{name}.yaml")}})
    return instantiate(cfg.data.augment, _convert_="all")


def all_noise(seed):
    return TokenNoise(delete=0.3, mask=0.2, replace=0.3, shuffle=3, texts="both", seed=seed)


MAKERS = {name: lambda seed, name=name: option(name, seed) for name in OPTIONS} | {
    "tokens": all_noise,
    "sentences": lambda seed: SentenceNoise(drop=0.5, shuffle=0.5, mix=0.5, texts="both", seed=seed),
    "cloze": lambda seed: Crop(share=[0.5, 1.0], exclude=True, seed=seed),
    "both": lambda seed: Chain({"cut": Crop(min_words=1, max_words=5, seed=seed), "t": all_noise(seed)}, ["cut", "t"]),
    "balance": lambda seed: Balance(noise=all_noise(seed), share=0.8, seed=seed),  # these lists have enough for 0.5
}
every_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)

TEXTS = [
    "The first holds words. It goes on for a while! Does it end? It does.",
    "我爱北京。天安门上太阳升！真的吗？是。",
    "word",
    "Ünïcödé — naïve café. 👍🏽 or not. Ends here",
    " \t\u3000 ",
    "no mark of a sentence in this text at all, just words",
    "Irrelevant one. Irrelevant two. Irrelevant three.",
]


def item_of(number, texts=TEXTS):
    turned = texts[number % len(texts) :] + texts[: number % len(texts)]
    return RankedList(
        query_id=f"q{number}",
        query="What is sought? Words are.",
        passage_ids=[f"p{number}.{place}" for place in range(len(turned))],
        passages=turned,
        grades=[3.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0][: len(turned)],
        sources=["judged"] * len(turned),
        weight=0.25,
        teacher=[0.5] * len(turned),
        pairs=[(0, 1, 0.75)],
    )


ITEMS = [item_of(number) for number in range(8)]
PLACES = [(epoch, number) for epoch in range(5) for number in range(len(ITEMS))]


@every_maker
def test_the_given_list_is_not_edited_and_shares_nothing_with_the_new_one(make):
    for epoch, number in PLACES:
        item = item_of(number)
        new = make(0)(item, epoch)
        assert item == ITEMS[number]
        for name in ("passage_ids", "passages", "grades", "sources", "teacher", "pairs", "paraphrases"):
            assert getattr(new, name) is not getattr(item, name)


@every_maker
def test_all_but_the_texts_stays_and_something_changes(make):
    changed = 0
    for epoch, number in PLACES:
        item, new = ITEMS[number], make(0)(ITEMS[number], epoch)
        for name in ("query_id", "weight", "pairs"):
            assert getattr(new, name) == getattr(item, name)
        for name in ("passage_ids", "grades", "sources", "teacher"):
            assert getattr(new, name)[: len(item.passages)] == getattr(item, name)
        assert len(new.passages) == len(item.passages) or type(make(0)).__name__ == "Balance"
        changed += new != item
    assert changed > 10


@every_maker
def test_no_text_becomes_empty_and_a_blank_one_stays(make):
    for epoch, number in PLACES:
        new = make(0)(ITEMS[number], epoch)
        assert new.query.strip()
        assert all(text.strip() for text in new.passages[len(ITEMS[number].passages) :])
        for text, before in zip(new.passages, ITEMS[number].passages, strict=False):
            assert text.strip() if before.strip() else text == before


@every_maker
def test_position_decides_not_history(make):
    wanted = {(epoch, number): make(0)(ITEMS[number], epoch) for epoch, number in PLACES}
    augment = make(0)
    for epoch, number in random.Random(0).sample(PLACES * 2, 2 * len(PLACES)):
        assert augment(ITEMS[number], epoch) == wanted[epoch, number]


@every_maker
def test_the_order_of_the_passages_changes_nothing(make):
    for epoch, number in PLACES:
        item = copy.deepcopy(ITEMS[number])
        places = random.Random(number).sample(range(len(item.passages)), len(item.passages))
        for name in ("passage_ids", "passages", "grades", "sources", "teacher"):
            setattr(item, name, [getattr(item, name)[place] for place in places])
        wanted, new = make(0)(ITEMS[number], epoch), make(0)(item, epoch)
        assert new.query == wanted.query
        assert new.passages[: len(places)] == [wanted.passages[place] for place in places]
        assert new.passages[len(places) :] == wanted.passages[len(places) :]


LONG = " ".join(f"Word{n} word{n + 1} word{n + 2}." for n in range(0, 60, 3))


def drawn(make, seed=0, query_id="q", ids=("a", "b"), epochs=20):
    item = item_of(0, [LONG, LONG])
    item.query_id, item.passage_ids = query_id, list(ids)
    return [make(seed)(item, epoch) for epoch in range(epochs)]


@pytest.mark.parametrize("make", [make for name, make in MAKERS.items() if name != "balance"])
def test_seed_epoch_and_query_each_change_the_draw(make):
    """Balance has nothing to do in lists of relevant passages alone: see its own tests."""
    texts = [
        [(new.query, *new.passages) for new in lists] for lists in (drawn(make), drawn(make, 1), drawn(make, 0, "r"))
    ]
    assert texts[0] != texts[1]
    assert texts[0] != texts[2]
    assert len(set(texts[0])) > 10


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("cloze", "balance")])
def test_the_passages_id_changes_its_draw(name):
    """The cloze task changes but the passage that the query comes from."""
    first, second = drawn(MAKERS[name]), drawn(MAKERS[name], ids=("a", "c"))
    assert [new.passages[0] for new in first] == [new.passages[0] for new in second]
    assert [new.passages[1] for new in first] != [new.passages[1] for new in second]
    assert any(new.passages[0] != new.passages[1] for new in first)


def test_another_process_draws_the_same(tmp_path):
    """Neither hash seeds nor what was drawn before may count; the augmentation must travel to DataLoader workers."""
    made = {name: make(0) for name, make in MAKERS.items()}
    wanted = {name: [augment(ITEMS[number], epoch) for epoch, number in PLACES] for name, augment in made.items()}
    (tmp_path / "given").write_bytes(pickle.dumps((made, ITEMS, PLACES)))
    code = """
import pickle, sys
made, items, places = pickle.load(open(sys.argv[1], "rb"))
drawn = {name: [made[name](items[number], epoch) for epoch, number in places[::-1]][::-1] for name in list(made)[::-1]}
pickle.dump(drawn, open(sys.argv[2], "wb"))
"""
    environment = os.environ | {"PYTHONHASHSEED": "123", "PYTHONPATH": str(CONF.parents[2])}
    command = [sys.executable, "-c", code, str(tmp_path / "given"), str(tmp_path / "drawn")]
    subprocess.run(command, check=True, env=environment, timeout=120)
    assert repr(sorted(pickle.loads((tmp_path / "drawn").read_bytes()).items())) == repr(sorted(wanted.items()))


def test_every_option_takes_the_runs_seed():
    for name in OPTIONS:
        augment = option(name, seed=7)
        steps = augment.steps.values() if isinstance(augment, Chain) else [augment]
        steps = [*steps, augment.noise] if isinstance(augment, Balance) else steps
        assert [step.seed for step in steps] == [7] * len(steps)


def test_every_augmentation_has_its_option():
    """The mirror rule: conf/data/augment/<name>.yaml builds the class of wrank/data/augment/<name>.py."""
    assert OPTIONS == ["balance", "chain", "crop", "sentence_noise", "token_noise"]
    for name in OPTIONS:
        assert type(option(name)).__module__ == f"wrank.data.augment.{name}"
