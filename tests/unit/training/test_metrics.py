"""The CSV is whole after any number of kills."""

from wrank.training.metrics import merge_logs, new_log


def write(folder, text):
    path = folder / new_log(folder)
    path.mkdir()
    (path / "metrics.csv").write_text(text)


def test_later_try_replaces_the_steps_it_did_again(tmp_path):
    write(tmp_path, "step,train/loss\n0,5\n1,4\n2,3\n")
    write(tmp_path, "step,val/x,train/loss\n2,0.5,\n2,,9\n3,,8\n")
    merge_logs(tmp_path)
    assert (tmp_path / "metrics.csv").read_text().split("\n") == [
        "step,train/loss,val/x", "0,5,", "1,4,", "2,,0.5", "2,9,", "3,8,", "",
    ]  # fmt: skip
    assert not list(tmp_path.glob("log-*"))


def test_dev_score_just_before_the_checkpoint_is_kept(tmp_path):
    write(tmp_path, "step,train/loss,val/x\n0,5,\n1,4,\n2,,0.7\n2,3,\n")
    write(tmp_path, "step,train/loss,val/x\n2,9,\n3,8,\n")
    merge_logs(tmp_path)
    rows = (tmp_path / "metrics.csv").read_text().strip().split("\n")
    assert rows == ["step,train/loss,val/x", "0,5,", "1,4,", "2,,0.7", "2,9,", "3,8,"]


def test_try_that_was_killed_before_its_first_line_is_passed_over(tmp_path):
    write(tmp_path, "step,train/loss\n0,5\n")
    (tmp_path / new_log(tmp_path)).mkdir()
    merge_logs(tmp_path)
    assert (tmp_path / "metrics.csv").read_text() == "step,train/loss\n0,5\n"
