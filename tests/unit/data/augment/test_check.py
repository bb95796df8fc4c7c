import pytest

from wrank.data.augment.check import check_flag, check_range, check_share, check_whole
from wrank.errors import WrankError


def test_ends_of_the_ranges_are_allowed():
    assert (check_share("drop", 0), check_share("drop", 1)) == (0.0, 1.0)
    assert check_share("drop", 1e-9, positive=True) == 1e-9
    assert (check_whole("shuffle", 0, least=0), check_whole("seed", -7)) == (0, -7)
    assert check_range("grades", (2, 2), "a range") == (2.0, 2.0)
    assert check_flag("exclude", False) is False


@pytest.mark.parametrize("value", [1, "true", None])
def test_a_flag_is_true_or_false(value):
    with pytest.raises(WrankError, match=r"data\.augment\.exclude is .*; wanted true or false"):
        check_flag("exclude", value)


def test_a_whole_number_names_its_least():
    with pytest.raises(WrankError, match=r"data\.augment\.shuffle is -1; wanted a whole number from 0 up"):
        check_whole("shuffle", -1, least=0)
