"""The backend that keys name."""

import pytest
from omegaconf import OmegaConf

from wrank.command.backend import make_backend
from wrank.config import conf_folder
from wrank.errors import WrankError
from wrank.launch.local import Local
from wrank.launch.slurm import Slurm


def test_here_is_none_and_others_are_made_of_their_keys():
    assert make_backend("here", {}) is None
    assert make_backend("local", {"jobs_at_once": 3, "cores": 2}).jobs_at_once == 3
    made = make_backend("slurm", OmegaConf.create({"setup": ["a"], "extra": ["mail-user:me"], "account": 12}))
    assert isinstance(made, Slurm)
    assert (made.setup, made.extra) == (["a"], ["mail-user:me"])


@pytest.mark.parametrize("kind", ["here", "local", "slurm", "ray"])
def test_files_of_conf_give_every_key_its_default(kind):
    given = OmegaConf.to_container(OmegaConf.load(conf_folder() / "hydra" / "launcher" / f"{kind}.yaml"))
    assert given.pop("kind") == kind
    keys = {key: value for key, value in given.items() if key not in ("_target_", "dry_run", "detach", "allow_dirty")}
    made = make_backend(kind, keys)
    if made is None:
        assert keys == {}
        return
    default = type(made)()
    assert {key: getattr(default, key) for key in keys} == keys
    assert {key for key in vars(default) if not key.startswith("_")} == set(keys)


@pytest.mark.parametrize(
    ("kind", "keys", "said"),
    [
        ("pbs", {}, "hydra.launcher.kind=pbs: wanted here, local, slurm, ray"),
        ("local", {"job_at_once": 1}, "hydra.launcher.job_at_once: .*did you mean jobs_at_once"),
        ("local", {"colour": 1}, "no such key of hydra/launcher=local; there are jobs_at_once, cores"),
        ("local", {"_free": []}, "no such key"),
        ("local", {"cores": "many"}, "hydra.launcher.cores=many: wanted a whole number"),
        ("local", {"cores": True}, "cores=True: wanted a whole number"),
        ("local", {"cores": None}, "cores=None: wanted a whole number"),
        ("local", {"cores": 1.5}, "cores=1.5: wanted a whole number"),
        ("local", {"jobs_at_once": "2"}, "jobs_at_once=2: wanted a whole number"),
        ("slurm", {"setup": "module load"}, "setup=module load: wanted a list"),
        ("slurm", {"extra": ["a"]}, "wanted NAME:VALUE"),
        ("slurm", {"extra": {"a": "b"}}, "wanted a list"),
        ("slurm", {"mem_gb_per_device": "32GB"}, "mem_gb_per_device=32GB: wanted a number"),
        ("slurm", {"partition": ["a"]}, "partition=.*: wanted a word"),
        ("ray", {"retries": 0.5}, "retries=0.5: wanted a whole number"),
    ],
)
def test_unknown_keys_and_wrong_types_are_refused(kind, keys, said):
    with pytest.raises(WrankError, match=said):
        make_backend(kind, keys)


def test_numbers_are_words_where_words_are_wanted():
    assert isinstance(make_backend("local", {"jobs_at_once": None}), Local)
    assert make_backend("slurm", {"mem_gb_per_device": None, "qos": 3}).mem_gb_per_device is None
