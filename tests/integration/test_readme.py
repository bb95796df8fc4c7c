"""Every command of the README is one that exists."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from wrank.cli import VERBS, main, spelled_out
from wrank.command.words import KEYS, as_key
from wrank.config import conf_folder, register

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", README, re.DOTALL)
LINES = [line.split("  #")[0].strip() for block in BLOCKS for line in block.split("\n")]
INLINE = re.findall(r"`((?:wrank|make) [^`]+)`", README)
COMMANDS = sorted({line for line in [*LINES, *INLINE] if line.startswith(("wrank ", "make "))})
OVERRIDES = sorted(
    set(re.findall(r"`((?:data|model|trainer|sweep|logger|debug|loss|hydra/launcher|checkpoint)=[a-z][^`|]*)`", README))
)


def composed(verb, words):
    register()
    GlobalHydra.instance().clear()
    overrides = [word.replace("PATH", "somewhere").replace("FOLDER", "somewhere") for word in words if word != "-m"]
    overrides = [re.sub(r"=\S*interval\(([^,]+),.*", r"=\1", one) for one in overrides]  # a range to search in
    single = [one if set("{[") & set(one) else one.split(",")[0] for one in overrides]
    single = [re.sub(r"=glob\((\w+_)\*\)", r"=\1kl", one) for one in single]  # Hydra spells a glob out in a sweep only
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        return compose(config_name=verb, overrides=single, return_hydra_config="launcher" in " ".join(words))


def test_the_readme_has_commands():
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert len(COMMANDS) >= 10
    assert len(OVERRIDES) >= 10


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("wrank ")])
def test_every_wrank_command_is_accepted(command, capsys):
    verb, *words = shlex.split(command)[1:]
    if verb == "--help" or "--help" in words:
        with pytest.raises(SystemExit) as ended:
            main([verb, *words])
        assert ended.value.code == 0
        return
    assert verb in VERBS, command
    words = [word for word in words if word not in ("--estimate", "--dry-run", "--detach")]
    words = spelled_out(words) if verb == "data" else words
    words = as_key(verb, words, ()) if verb in KEYS else words
    config = composed(verb, words)
    config = OmegaConf.masked_copy(
        config, [key for key in config if key != "hydra"]
    )  # what it says of a job is known in a job alone
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_every_make_target_exists(command):
    done = subprocess.run(["make", "-n", "-C", str(ROOT), command.split()[1]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", OVERRIDES)
def test_every_override_that_is_named_composes(words):
    needed = ["data=beir", "data.path=x"] if "sycl" in words else []
    composed("run", [*shlex.split(words), *needed])


def test_every_option_in_the_tables_of_losses_and_recipes_exists_and_none_is_missing():
    named = set(re.findall(r"^\| `([a-z0-9_]+)` \|", README, re.MULTILINE))
    assert named == {path.stem for group in ("loss", "generator") for path in (conf_folder() / group).glob("*.yaml")}
