"""What every stage needs: the configuration, the store, and the parts made from them once."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from wrank.config import build, check_root, plain
from wrank.data.collection import Collection
from wrank.errors import WrankError
from wrank.evaluation.processes import local_device
from wrank.evaluation.settings import EvaluationSettings
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.stage.dry_run import shrink
from wrank.store import Artifact, Stage, Store
from wrank.tracking.progress import note

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Context:
    """One job: its configuration and the parts made from it on first use.

    Attributes:
        cfg: the composed configuration.
        choices: config group -> option.
        store: where artifacts are.
        evaluated: every set that the job is known to evaluate; empty: the test split alone, where there is one.
    """

    cfg: DictConfig
    choices: dict[str, str]
    store: Store = field(init=False)
    evaluated: Sequence[Collection] = ()
    _collections: dict[str, Collection] = field(default_factory=dict)
    _base: BiEncoder | CrossEncoder | None = None
    _source: Any = None
    _settings: EvaluationSettings | None = None

    def __post_init__(self) -> None:
        check_root(self.cfg)
        if self.cfg.get("tiny"):
            shrink(self.cfg)
        self.store = Store(plain(self.cfg, "paths.store"))

    @property
    def source(self) -> Any:
        """The collection's reader."""
        if self._source is None:
            self._source = build(self.cfg, "data.source")
        return self._source

    def collection(self, split: str) -> Collection:
        """The collection with the judgements of one split, read and checked once."""
        if split not in self._collections:
            self._collections[split] = self.source.load(split, self.tables)
        return self._collections[split]

    @property
    def tables(self) -> Path:
        """Where tables of texts and of judgements are kept."""
        return Path(plain(self.cfg, "paths.tables"))

    @property
    def test_split(self) -> str:
        """The split that is evaluated."""
        return str(plain(self.cfg, "data.split"))

    @property
    def train_split(self) -> str:
        """The split that is trained on."""
        return str(plain(self.cfg, "data.train_split"))

    @property
    def generates(self) -> str | None:
        """The chosen recipe of ``wrank generate``, or None when nothing is to be written."""
        return self.choices.get("generator")

    @property
    def base(self) -> BiEncoder | CrossEncoder:
        """The model that was chosen: evaluated as it is, or trained from."""
        if self._base is None:
            self._base = build(self.cfg, "model")
            self._base.to(self.device)
        return self._base

    @property
    def encoder(self) -> BiEncoder:
        """The chosen model, where vectors are needed.

        Raises:
            WrankError: it makes none.
        """
        if not isinstance(self.base, BiEncoder):
            raise WrankError(
                f"model={self.model_name} is a cross-encoder, which makes no vectors, and this needs some: choose an "
                "encoder, e.g. model=minilm (for an audit also judge=none or judge=llm; for mining also miner=bm25)"
            )
        return self.base

    def free_device(self) -> None:
        """Makes room on the device for another process's model; encoding moves the encoder back when it is needed."""
        import torch

        if self._base is not None:
            self._base.to("cpu")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def fresh_model(self) -> BiEncoder | CrossEncoder:
        """A second copy of the model, whose weights may be changed."""
        model: BiEncoder | CrossEncoder = build(self.cfg, "model")
        return model

    @property
    def settings(self) -> EvaluationSettings:
        """How evaluations are made."""
        if self._settings is None:
            self._settings = build(self.cfg, "evaluation")
        return self._settings

    @property
    def search_identity(self) -> dict[str, Any]:
        """The keys of the evaluation that can change a ranking."""
        return {key: getattr(self.settings, key) for key in ("depth", "precision", "storage", "drop_self")}

    @property
    def model_identity(self) -> dict[str, Any]:
        """What of the model can change a training beside its fingerprint: settings in force, towers, dropout, LoRA."""
        return self.base.identity()

    @property
    def device(self) -> str:
        """Where to encode."""
        import torch

        asked = str(self.cfg.device)
        cuda = torch.cuda.is_available()
        if asked == "cuda" and not cuda:
            raise WrankError("device=cuda, but torch sees no GPU here: use device=cpu, or check `nvidia-smi`")
        if asked == "mps" and not torch.backends.mps.is_available():
            raise WrankError("device=mps, but this is no Mac with Apple silicon: use device=cpu")
        return local_device(("cuda" if cuda else "cpu") if asked == "auto" else asked)

    @property
    def model_name(self) -> str:
        """The encoder's short name: the option, or the folder's name for ``model=path``."""
        option = self.choices.get("model", "model")
        if self.cfg.get("tiny"):  # whatever was chosen, its weights are random
            return option if option.startswith("tiny") else f"tiny-{option}"
        if option != "path":
            return option
        folder = Path(str(plain(self.cfg, "model.path"))).expanduser().absolute()
        return folder.parent.name if folder.name in ("best", "last") else folder.name

    def do(self, stage: Stage, work: Any, share: Callable[[Path], None] | None = None) -> Artifact:
        """Runs a stage in the store, and tells people what happens."""
        word = "helping" if share else "waiting"
        artifact = self.store.run(
            stage, work, lambda path: note(f"{stage.kind}: another process is at it; {word} ({path})"), share
        )
        word = "found" if artifact.was_finished else f"made in {artifact.manifest['seconds']:.0f} s"
        note(f"{stage.kind}: {word}: {artifact.path}")
        return artifact
