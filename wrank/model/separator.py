"""What stands between a query and a passage that are read together, put there where the tokenizer puts nothing."""

from transformers import PreTrainedTokenizerBase

from wrank.errors import WrankError
from wrank.model.end import Piece, Template, change_template


def separate_pairs(tokenizer: PreTrainedTokenizerBase) -> None:
    """Makes a tokenizer put a token between the two texts of a pair; in place.

    Many decoders' tokenizers put the passage right behind the query: "ab" with "cd" is then read as "abc" with "d". The
    separator is the tokenizer's own (sep_token), else its end token. The tokenizer is saved with it, so that other
    programs that load the model do the same. A tokenizer that separates by itself is left as it is.

    Args:
        tokenizer: what is changed.

    Raises:
        WrankError: a tokenizer without such a token, or one that cannot be changed.
    """
    if separates_pairs(tokenizer):
        return
    name = type(tokenizer).__name__
    own = tokenizer.sep_token is not None
    token, number = (
        (tokenizer.sep_token, tokenizer.sep_token_id) if own else (tokenizer.eos_token, tokenizer.eos_token_id)
    )
    if token is None:
        raise WrankError(
            f"model: a cross-encoder needs something between query and passage; {name} puts nothing there, and it "
            "names no token that could stand there: set sep_token or eos_token in tokenizer_config.json."
        )
    if not tokenizer.is_fast:
        raise WrankError(
            f"model: a cross-encoder needs something between query and passage; {name} puts nothing there, and it has "
            "no tokenizer.json in which wrank could set it: convert the tokenizer, or choose another model."
        )
    change_template(tokenizer, str(token), int(number), _separated)
    if not separates_pairs(tokenizer):
        raise WrankError(f"model: the token {token!r} cannot be put between query and passage.")


def separates_pairs(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether a token of the tokenizer's own stands between the two texts of a pair."""
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        sides = tokenizer(["a"], ["a"]).sequence_ids(0)
        first, second = sides.index(0), len(sides) - 1 - sides[::-1].index(1)
        return None in sides[first:second]
    pair, alone = tokenizer("a", "a")["input_ids"], tokenizer("a", add_special_tokens=False)["input_ids"]
    return len(pair) > 2 * len(alone) and pair[len(pair) // 2] not in alone


def _separated(template: Template, token: Piece) -> Template:
    """The template with the token before the second text."""
    pair = template["pair"]
    place = next(number for number, piece in enumerate(pair) if piece.get("Sequence", {}).get("id") == "B")
    return {**template, "pair": [*pair[:place], token, *pair[place:]]}
