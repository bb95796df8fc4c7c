"""SHA-256 over everything in a tower that changes its vectors."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from wrank.model.encoder import Encoder
from wrank.model.lora import merged_state

if TYPE_CHECKING:
    from wrank.model.bi_encoder import BiEncoder

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


def bi_encoder_fingerprint(model: "BiEncoder", role: str | None) -> str:
    """SHA-256 (hex) of a bi-encoder's towers and of the settings that change an embedding.

    Args:
        model: the model.
        role: only what changes the embeddings of this role's texts; None: of both.
    """
    other = {"query": "passage_", "passage": "query_"}.get(role or "", "-")
    settings = {name: value for name, value in model.settings.of_embedding().items() if not name.startswith(other)}
    parts: dict[str, Any] = {"settings": settings}
    if model.quantize is not None:
        parts["quantize"] = model.quantize
    if model.query_encoder is not None and role != "passage":
        parts["query"] = encoder_fingerprint(model.query_encoder)
    if model.query_encoder is None or role != "query":
        parts["passage"] = encoder_fingerprint(model.encoder)
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def encoder_fingerprint(encoder: Encoder) -> str:
    """SHA-256 (hex) of the weights' bytes in sorted order of their names, the architecture and the tokenizer."""
    return transformer_fingerprint(encoder.transformer, encoder.tokenizer)


def transformer_fingerprint(transformer: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """The same of a transformer and its tokenizer; of an adapted one (LoRA) that of the plain model it stands for."""
    digest = hashlib.sha256()
    digest.update(_canonical(_config(transformer)))
    digest.update(_canonical(_tokenizer(tokenizer)))
    for name, tensor in sorted(merged_state(transformer).items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def _config(transformer: PreTrainedModel) -> Any:
    def kept(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: kept(inner)
            for key, inner in value.items()
            if key not in _IGNORED_CONFIG and "dropout" not in key and not key.endswith("pdrop")
        }

    return kept(transformer.config.to_dict())


def _tokenizer(tokenizer: PreTrainedTokenizerBase) -> Any:
    cut = {} if tokenizer.truncation_side == "right" else {"truncation_side": tokenizer.truncation_side}
    if not tokenizer.is_fast:
        slow = [type(tokenizer).__name__, sorted(tokenizer.get_vocab().items()), tokenizer.all_special_tokens]
        return [*slow, cut] if cut else slow
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    # these two are the last call's state, not the tokenizer's
    return {key: value for key, value in content.items() if key not in ("truncation", "padding")} | cut
