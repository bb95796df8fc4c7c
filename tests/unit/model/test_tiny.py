import pytest
import torch

from wrank.errors import WrankError
from wrank.model.tiny import byte_tokenizer, tiny_parts


def _weights(seed):
    return torch.cat([weight.flatten() for weight in tiny_parts(seed)[0].state_dict().values()])


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    assert torch.equal(_weights(0), _weights(0))
    assert not torch.equal(_weights(0), _weights(1))


def test_building_does_not_touch_the_global_random_state():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    tiny_parts(5)
    assert torch.equal(torch.rand(3), wanted)


def test_the_global_seed_does_not_change_the_weights():
    torch.manual_seed(1)
    first = _weights(0)
    torch.manual_seed(2)
    assert torch.equal(_weights(0), first)


def test_a_token_is_a_byte_in_every_script():
    text = "naïve 例\x85\n 🙂"
    tokenizer = byte_tokenizer()
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == len(text.encode()) + 2
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids[1:-1]) == text


def test_an_attention_that_is_not_there_is_explained():
    with pytest.raises(WrankError, match="random:tiny"):
        tiny_parts(attention="nonsense")
