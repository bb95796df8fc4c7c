"""Whether models and data can be fetched from the Hugging Face hub."""

import os

from wrank.doctor.base import Finding, Problem, Settings, State, absent, finding, told

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_SECONDS = 5.0
_WITHOUT = "everything on the bundled parts works without it: model=minilm, model=tiny, model=path, bundled:smollm2"


def look(settings: Settings) -> Finding:
    """Asks the hub for one public model, if told to use the network at all."""
    if not settings.network:
        return absent("not tried", "`wrank doctor network=true` asks the model hub")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return absent("HF_HUB_OFFLINE is set: nothing is fetched", f"Unset it to fetch models; {_WITHOUT}")
    try:
        ask_hub()
    except Exception as error:
        advice = f"Look at the network, HTTPS_PROXY and HF_ENDPOINT; {_WITHOUT}"
        return finding([], [Problem(State.WARNING, f"the hub cannot be reached: {told(error)}", advice)])
    return finding([f"reached (asked for {MODEL})", "with a token" if has_token() else "no token: public models only"])


def ask_hub() -> None:
    """One question to the hub, with a limit of 5 seconds."""
    from huggingface_hub import HfApi

    HfApi().model_info(MODEL, timeout=_SECONDS)


def has_token() -> bool:
    """Whether a login to the hub is kept here; the token itself goes nowhere."""
    from huggingface_hub import get_token

    return bool(get_token())
