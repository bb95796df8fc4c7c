"""Requirements that are not met fail; other versions than the tested ones are named."""

from wrank.doctor import packages
from wrank.doctor.base import State
from wrank.doctor.packages import constraints, requirements, unmet_requirements


def test_this_environment_meets_the_requirements(settings):
    found = packages.look(settings)
    assert found.state in (State.OK, State.WARNING)
    assert f"{len(requirements())} of {len(requirements())} requirements met" in found.found


def test_requirements_are_those_of_the_checkout_or_of_the_installed_package(monkeypatch, tmp_path):
    assert any(line.startswith("torch") for line in requirements())
    assert not any("pytest" in line for line in requirements())
    monkeypatch.setattr(packages, "_ROOT", tmp_path)
    monkeypatch.setattr(packages, "requires", lambda name: ["torch>=2.6", "pytest>=8; extra == 'dev'"])
    assert requirements() == ["torch>=2.6"]


def test_missing_and_older_packages_are_a_failure(settings, monkeypatch):
    monkeypatch.setattr(packages, "requirements", lambda: ["no-such-package>=1", "filelock>=999", "rich>=1"])
    found = packages.look(settings)
    assert found.state == State.FAILURE
    assert "1 of 3 requirements met" in found.found
    assert "no-such-package is missing" in found.found
    assert "(wanted >=999)" in found.found
    assert "make install" in found.advice[0]


def test_requirement_of_another_system_is_not_missed():
    assert unmet_requirements(["no-such-package>=1; sys_platform == 'nowhere'"]) == []


def test_other_versions_than_tested_are_named_and_only_of_installed_packages(settings, monkeypatch):
    monkeypatch.setattr(packages, "constraints", lambda path: {"rich": "0.1", "no-such-package": "3"})
    found = packages.look(settings)
    assert found.state == State.WARNING
    assert "rich" in found.found
    assert "(tested: 0.1)" in found.found
    assert "no-such-package" not in found.found


def test_build_of_a_version_is_no_difference(settings, monkeypatch):
    monkeypatch.setattr(packages, "constraints", lambda path: {"torch": "2.13.0"})
    monkeypatch.setattr(packages, "installed", lambda name: "2.13.0+cu130")
    assert "all in the tested versions" in packages.look(settings).found


def test_many_differences_are_cut_and_counted(settings, monkeypatch):
    monkeypatch.setattr(packages, "constraints", lambda path: {f"p{number}": "1" for number in range(9)})
    monkeypatch.setattr(packages, "installed", lambda name: "2")
    monkeypatch.setattr(packages, "requirements", list)
    assert "and 3 more" in packages.look(settings).found


def test_without_constraints_nothing_is_compared(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "_ROOT", tmp_path)
    monkeypatch.setattr(packages, "requirements", list)
    found = packages.look(settings)
    assert found.state == State.OK
    assert "not compared" in found.found


def test_constraints_are_read_without_comments(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("# a comment\ntorch==2.13.0\nrich==13.9.1 ; python_version > '3'\n-e .\n")
    assert constraints(path) == {"torch": "2.13.0", "rich": "13.9.1"}
