"""Pushing to a local Hub with faults: nothing is lost, nothing hangs, and every refusal is one clear line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.local_hub import LocalHub
from tests.support.app_server import eventually
from tests.support.platforms import posix_only
from training.card.redact import redact
from training.errors import HubError
from training.hub.jobs import Destination
from training.hub.outbox import Entry, Outbox
from training.hub.pusher import Pusher, PushReport, checkpoint_title, push_pending
from training.hub.repos import read_destination
from training.hub.timeouts import HubTimeouts

QUICK = HubTimeouts(connect_s=5, read_s=20, check_s=20, attempt_s=30, first_retry_s=0.02, longest_retry_s=0.1)
HASTY = HubTimeouts(connect_s=5, read_s=1, check_s=3, attempt_s=3, first_retry_s=0.02, longest_retry_s=0.1)
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "plays"
    folder.mkdir(parents=True)
    return folder


def make_step(run: Path, step: int) -> Path:
    """A checkpoint folder with the right names; the weights differ from step to step."""
    folder = run / f"step-{step:08d}"
    (folder / "training_state").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"step": step}))
    (folder / "model.safetensors").write_bytes(f"weights of {step}".encode() * 100)
    (folder / "manifest.json").write_text("{}")
    (folder / "README.md").write_text("---\nlibrary_name: char-lstm\n---\n\n# plays\n")
    metrics = {"step": step, "val_loss": 1.5, "val_bpc": 2.164}
    (folder / "metrics.jsonl").write_text(json.dumps(metrics) + "\n")
    (folder / "training_state" / "optimizer.safetensors").write_bytes(f"state of {step}".encode() * 100)
    (folder / "training_state" / "state.json").write_text(json.dumps({"step": step}))
    (folder / "notes.txt").write_text("not published")
    return folder


class Lines(list[str]):
    """Collects what a pusher reports; `wait` returns once a line has come."""

    def __call__(self, line: str) -> None:
        self.append(line)

    def wait(self, pattern: str, timeout_s: float = 30.0) -> str:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := [line for line in list(self) if re.search(pattern, line)]:
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"no line {pattern!r} in {list(self)}")


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def pusher(hub: LocalHub, token: str, run: Path, lines: Lines) -> Iterator[Callable[..., Pusher]]:
    """Creates pushers of the run, which are closed when the test ends."""
    repo = hub.add_repo("ada/plays")
    repo.branches["training"] = repo.branches["main"]
    made: list[Pusher] = []

    def make(timeouts: HubTimeouts = QUICK) -> Pusher:
        made.append(Pusher(destination(), run, report=lines, timeouts=timeouts))
        return made[-1]

    yield make
    for one in made:
        one.close(0)


def destination() -> Destination:
    return Destination("ada/plays", "ada", False, False, f"{os.environ['HF_ENDPOINT']}/ada/plays")


# pushing


def test_training_gets_all_files_and_main_those_for_loading(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher]
) -> None:
    one = pusher()
    step = make_step(run, 1000)
    one.push(step)
    one.push(step, "main", title="Best so far\nstep 1,000")
    report = one.close(60)
    repo = hub.repos["ada/plays"]
    assert (report.waiting, report.error) == ((), None)
    assert repo.titles("training")[0] == "Step 1,000: val loss 1.5000 nats, 2.164 bpc"
    assert repo.titles()[0] == "Best so far step 1,000"
    served = {"config.json", "model.safetensors", "manifest.json", "README.md", "metrics.jsonl", ".gitattributes"}
    assert set(repo.commit("main").files) == served
    state = {"training_state/state.json", "training_state/optimizer.safetensors"}
    assert set(repo.commit("training").files) == served | state
    assert {pushed.commit for pushed in report.pushed} == {repo.branches["main"], repo.branches["training"]}
    assert read_destination(run).repo == "ada/plays"


def test_files_that_the_checkpoint_lacks_are_deleted_and_others_stay(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher]
) -> None:
    one = pusher()
    repo = hub.repos["ada/plays"]
    hub.commit(repo, {"LICENSE": b"by a person", "cells.json": b"old", "curve.png": b"old"})
    one.push(make_step(run, 1), "main")
    assert not one.close(60).waiting
    assert {"LICENSE", "curve.png"} <= set(repo.commit("main").files)
    assert "cells.json" not in repo.commit("main").files


def test_after_an_outage_the_best_is_pushed_first_and_the_others_oldest_first(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    """So the commits of a branch are in the order of the steps, and it ends on the newest."""
    hub.unplug()
    one = pusher()
    for step in (1, 2, 3):
        one.push(make_step(run, step), title=f"step {step}")
        one.push(run / f"step-{step:08d}", "main", title=f"best {step}")
    lines.wait("cannot be reached")
    assert [entry.title for entry in one.waiting()] == ["best 3", "step 1", "step 2", "step 3"]
    hub.plug_in()
    report = one.close(60)
    repo = hub.repos["ada/plays"]
    assert not report.waiting
    assert repo.titles("training") == ["step 3", "step 2", "step 1", "initial commit"]
    assert repo.titles() == ["best 3", "initial commit"]
    assert hub.read("ada/plays", "config.json", "training") == b'{"step": 3}'


def test_a_refused_checkpoint_is_not_pushed_over_a_newer_one(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    """A later process, which tries everything once more, would otherwise leave an old head on the branch."""
    broken = make_step(run, 1)
    (broken / "README.md").write_text("---\ntags: [a\n---\n")
    one = pusher()
    one.push(broken, title="step 1")
    one.push(make_step(run, 2), title="step 2")
    assert [entry.title for entry in one.close(60).waiting] == ["step 1"]
    (broken / "README.md").write_text("# plays\n")
    assert push_pending(run, report=lines, timeouts=QUICK).waiting == ()
    assert lines[-1] == "Hub: step-00000001 is not pushed: training holds a newer checkpoint already"
    assert hub.repos["ada/plays"].titles("training") == ["step 2", "initial commit"]


def test_the_outbox_of_an_earlier_version_is_read(hub: LocalHub, run: Path, pusher: Callable[..., Pusher]) -> None:
    """It queued the newest entry again after older ones, with a field `again`."""
    make_step(run, 1)
    entry = {"number": 4, "folder": "step-00000001", "branch": "training", "title": "step 1", "again": True}
    (run / "outbox").mkdir()
    (run / "outbox" / "00000004-training.json").write_text(json.dumps(entry))
    report = pusher().close(60)
    assert [pushed.number for pushed in report.pushed] == [4]


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("/preupload/", 500),
        ("/preupload/", 429),
        ("PUT /lfs", 503),
        ("PUT /lfs", "cut"),
        ("/objects/batch", "html"),
        ("POST .*/commit/", 429),
        ("POST .*/commit/", 500),
        ("POST .*/commit/", 503),
        ("POST .*/commit/", 412),
        ("POST .*/commit/", "cut"),
        ("POST .*/commit/", "cut-body"),
        ("POST .*/commit/", "html"),
        ("GET /api/models/ada/plays/revision", "html"),
        ("validate-yaml", "html"),
    ],
)
def test_a_passing_fault_only_delays_the_push(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], route: str, kind: int | str
) -> None:
    fault = hub.fail(route, kind)
    one = pusher()
    one.push(make_step(run, 1), "main", title="step 1")
    report = one.close(60)
    assert fault.hits == 1
    assert (report.waiting, report.error) == ((), None)
    assert hub.repos["ada/plays"].titles() == ["step 1", "initial commit"]


def test_a_commit_whose_response_was_lost_is_made_once(hub: LocalHub, run: Path, pusher: Callable[..., Pusher]) -> None:
    hub.fail("POST .*/commit/", "cut", after=True)
    one = pusher()
    one.push(make_step(run, 1), title="step 1")
    assert not one.close(60).waiting
    assert hub.repos["ada/plays"].titles("training") == ["step 1", "initial commit"]


def test_a_commit_of_someone_else_in_between_is_kept(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    fault = hub.fail("POST .*/preupload/", "hang")
    one = pusher(HASTY)
    one.push(make_step(run, 1), "main", title="step 1")
    eventually(lambda: fault.hits)
    hub.commit(hub.repos["ada/plays"], {"NOTES.md": b"a person"}, title="notes")
    fault.lift()
    assert not one.close(60).waiting
    assert hub.repos["ada/plays"].titles() == ["step 1", "notes", "initial commit"]
    assert "NOTES.md" in hub.repos["ada/plays"].commit("main").files


@pytest.mark.parametrize("route", ["/preupload/", "PUT /lfs", "POST .*/commit/"])
def test_a_server_that_hangs_is_given_up_and_the_rest_is_pushed_later(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines, route: str
) -> None:
    fault = hub.fail(route, "hang", times=None)
    # No request is given up within the test: so neither push nor close can have waited for the answer.
    one = pusher(replace(QUICK, read_s=3600, check_s=3600, attempt_s=3600))
    one.push(make_step(run, 1), title="step 1")
    eventually(lambda: fault.hits)
    report = one.close(0.2)
    assert [entry.title for entry in report.waiting] == ["step 1"]
    assert report.error
    hub.faults.clear()
    later = push_pending(run, report=lines, deadline_s=60, timeouts=QUICK)
    assert ([p.title for p in later.pushed], later.waiting) == (["step 1"], ())
    assert hub.repos["ada/plays"].titles("training") == ["step 1", "initial commit"]
    assert push_pending(run, report=lines, timeouts=QUICK) == PushReport((), ())


def test_waiting_for_pushes_reports_the_reason(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.hub.pusher._REPORT_EVERY_S", 0.0)
    fault = hub.fail("POST .*/commit/", 500, None)
    one = pusher()
    one.push(make_step(run, 1))
    lines.wait("the Hub has a server error")
    closing = threading.Thread(target=one.close, args=(60.0,))
    closing.start()
    line = lines.wait("trying again in")
    assert re.search(r"\(500\).*; step-00000001: trying again in \d+ s, for at most [\d.]+ (s|minutes)$", line)
    fault.lift()
    closing.join()
    assert not one.waiting()


def test_a_refusal_is_reported_once_and_retried_with_the_next_checkpoint(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    fault = hub.fail("POST .*/commit/", 403, times=None)
    one = pusher()
    one.push(make_step(run, 1), title="step 1")
    lines.wait("no right to do that")
    one.push(make_step(run, 2), title="step 2")
    eventually(lambda: fault.hits >= 2)
    report = one.close(10)
    assert [entry.title for entry in report.waiting] == ["step 1", "step 2"]
    assert len([line for line in lines if "no right" in line]) == 1
    assert 2 <= fault.hits <= 3


def test_one_refused_checkpoint_does_not_block_the_others(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    one = pusher()
    broken = make_step(run, 1)
    (broken / "README.md").write_text("---\ntags: [a\n---\n")
    one.push(broken, title="step 1")
    lines.wait("Invalid metadata")
    one.push(make_step(run, 2), title="step 2")
    report = one.close(60)
    assert [entry.title for entry in report.waiting] == ["step 1"]
    assert hub.repos["ada/plays"].titles("training") == ["step 2", "initial commit"]


def test_a_deleted_repo_is_reported(hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines) -> None:
    one = pusher()
    hub.store.repos.clear()
    one.push(make_step(run, 1))
    lines.wait("there is no such repo")
    assert len(one.close(10).waiting) == 1


def test_two_processes_cannot_push_one_run(run: Path, pusher: Callable[..., Pusher]) -> None:
    pusher()
    with pytest.raises(HubError, match="another process is pushing run plays"):
        Pusher(destination(), run, report=print)


def test_a_run_without_destination(run: Path) -> None:
    with pytest.raises(HubError, match="run 'plays' has no destination on the Hub"):
        push_pending(run, report=print)


def test_the_rest_is_pushed_by_a_later_process_despite_damaged_files(
    hub: LocalHub, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    hub.unplug()
    one = pusher()
    one.push(make_step(run, 1), title="step 1")
    one.close(0)
    (run / "outbox" / "00000009-training.json").write_text("{")
    (run / "outbox" / "pushed.jsonl").write_text('{"number": 3, "fol')
    hub.plug_in()
    two = pusher()
    assert [entry.title for entry in two.waiting()] == ["step 1"]
    assert not two.close(60).waiting
    assert any("00000009-training.json cannot be read" in line for line in lines)
    outbox = Outbox(run)
    outbox.close()
    assert outbox.is_outdated(Entry(0, "step-00000001", "training", "step 0"))


def test_a_folder_of_another_run_is_refused(tmp_path: Path, pusher: Callable[..., Pusher]) -> None:
    with pytest.raises(ValueError, match="not a checkpoint folder of run 'plays'"):
        pusher().push(make_step(tmp_path / "other", 1))


# tokens, and the end of the process


def test_the_token_is_in_no_file_argument_or_line(
    hub: LocalHub, token: str, run: Path, pusher: Callable[..., Pusher], lines: Lines
) -> None:
    hub.fail("POST .*/commit/", "slow", seconds=1.5)
    one = pusher()
    one.push(make_step(run, 1))
    deadline = time.monotonic() + 30
    seen = b""
    while not hub.requests("/commit/") and time.monotonic() < deadline:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen += path.read_bytes()
            except OSError:
                continue  # that process has ended
        time.sleep(0.02)
    one.close(60)
    assert token.encode() not in seen
    for path in run.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
    assert token not in "".join(lines)
    assert {logged.token for logged in hub.requests("^PUT")} == {None}


def test_redact() -> None:
    key = "AbCdEfGhIjKlMnOpQrStUvWxYz01234567"
    for secret in (f"hf_{key}", f"hf_oauth_{key}.x-y_z.sig", f"hf_jwt_{key}.a.b"):
        assert redact(f"token {secret}, file hf_hub_download") == "token hf_***, file hf_hub_download"
        assert key not in redact(f"https://user:{secret}@host/x?token={secret}")
    assert redact(f"Authorization: Bearer {key}") == "Authorization: Bearer hf_***"
    assert redact("the Bearer of this letter") == "the Bearer of this letter"
    assert redact("old api_org_abc", "api_org_abc") == "old hf_***"


def test_titles(run: Path) -> None:
    step = make_step(run, 12000)
    assert checkpoint_title(step) == "Step 12,000: val loss 1.5000 nats, 2.164 bpc"
    assert checkpoint_title(step, "main") == "Best so far: step 12,000: val loss 1.5000 nats, 2.164 bpc"
    for other in ("{", json.dumps({"step": 11000, "val_loss": 1.0, "val_bpc": 1.0}), ""):
        (step / "metrics.jsonl").write_text(other)
        assert checkpoint_title(step) == "Step 12,000"


@posix_only
@pytest.mark.parametrize("end", ["close(0.5)", "sys.exit(0)", "raise KeyboardInterrupt"])
def test_a_process_ends_while_the_server_hangs(hub: LocalHub, token: str, run: Path, end: str) -> None:
    """However training ends, neither it nor its worker waits for the server."""
    hub.add_repo("ada/plays")
    fault = hub.fail("/preupload/", "hang", times=None)
    make_step(run, 1)
    statement = f"pusher.{end}" if end.startswith("close") else end
    program = f"""
        import sys
        from training.hub.jobs import Destination
        from training.hub.pusher import Pusher
        tell = lambda line: print(line, file=sys.stderr)
        pusher = Pusher(Destination("ada/plays", "ada", False, False, ""), {str(run)!r}, report=tell)
        pusher.push({str(run / "step-00000001")!r})
        sys.stdin.readline()
        print(pusher._worker._process.pid, flush=True)
        {statement}
        """
    words = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: fault.hits)
        worker_id, errors = process.communicate("\n", timeout=60)
    eventually(lambda: not Path(f"/proc/{int(worker_id)}").exists())
    assert "within 900 s" not in errors  # the limit of a push, which was not reached
    assert list((run / "outbox").glob("*-training.json"))
