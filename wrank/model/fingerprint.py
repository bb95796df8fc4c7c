"""SHA-256 over everything in a tower that changes its vectors."""

import hashlib
import json
from typing import Any

import torch

from wrank.model.encoder import Encoder

# what differs between a model and its saved copy, or between machines, without a change in the vectors
_IGNORED_CONFIG = {
    "_name_or_path",
    "architectures",
    "attn_implementation",
    "chunk_size_feed_forward",
    "dtype",
    "torch_dtype",
    "gradient_checkpointing",
    "id2label",
    "label2id",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "transformers_version",
    "use_cache",
}


def encoder_fingerprint(encoder: Encoder) -> str:
    """SHA-256 (hex) of the weights' bytes in sorted order of their names, the architecture and the tokenizer."""
    digest = hashlib.sha256()
    digest.update(_canonical(_config(encoder)))
    digest.update(_canonical(_tokenizer(encoder)))
    for name, tensor in sorted(encoder.transformer.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def _config(encoder: Encoder) -> Any:
    def kept(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: kept(inner)
            for key, inner in value.items()
            if key not in _IGNORED_CONFIG and "dropout" not in key and not key.endswith("pdrop")
        }

    return kept(encoder.transformer.config.to_dict())


def _tokenizer(encoder: Encoder) -> Any:
    tokenizer = encoder.tokenizer
    cut = {} if tokenizer.truncation_side == "right" else {"truncation_side": tokenizer.truncation_side}
    if not tokenizer.is_fast:
        slow = [type(tokenizer).__name__, sorted(tokenizer.get_vocab().items()), tokenizer.all_special_tokens]
        return [*slow, cut] if cut else slow
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    # these two are the last call's state, not the tokenizer's
    return {key: value for key, value in content.items() if key not in ("truncation", "padding")} | cut
