import hashlib

import numpy as np

from wrank.data.position import generator_at


def test_the_seed_is_blake2b_of_the_position():
    """The lists of runs made before must come out the same: neither the hash nor the separator may change."""
    digest = hashlib.blake2b(b"list\x000\x003\x00q\xc3\xa4", digest_size=16).digest()
    wanted = np.random.default_rng(int.from_bytes(digest, "little")).random(5)
    assert generator_at("list", 0, 3, "qä").random(5).tolist() == wanted.tolist()


def test_every_part_of_a_position_counts():
    places = [("a", 0, 0, "q"), ("b", 0, 0, "q"), ("a", 1, 0, "q"), ("a", 0, 1, "q"), ("a", 0, 0, "r"), ("a", 0, 0)]
    places += [("a", 10, 0, "q"), ("a", 1, 10, "q"), ("a", 11, 0, "q"), ("a", -1, 0, "q")]
    assert len({generator_at(*place).random() for place in places}) == len(places)
