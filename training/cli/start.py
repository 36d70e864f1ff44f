"""From what was typed to a session that is ready for its first step, or for its next.

Whatever may fail does so here. A run that does not come to its first step leaves nothing behind.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model import CharTokenizer, ChatFormat, LSTMConfig
from model.backends.device import free_memory, has_fast_bfloat16
from model.checkpoint.format import Checkpoint
from model.terminal import one_line

from ..card import ngram
from ..card.overlap import Source
from ..card.redact import public_source, public_sources
from ..corpus import privacy
from ..corpus.chat_exports import ChatReader
from ..corpus.download import size_text
from ..corpus.ids_file import Ids
from ..corpus.reader import Corpus, check_length, corpus_name, read_corpus
from ..errors import RunError
from ..hub.jobs import CheckRepo, Destination
from ..hub.pusher import Pusher
from ..hub.repos import check_repo_name, read_destination
from ..hub.space_files import check_project
from ..hub.worker_process import run_job
from ..learner import evaluation as evaluate
from ..learner.dataset import split
from ..learner.distillation import SoftTargets
from ..learner.processes import training_device
from ..learner.recipe import PRESETS, Recipe, fitted_to, preset_for, regularized
from ..run import kept_text as corpus_kept
from ..run import measure
from ..run.checkpoint_manager import CheckpointManager
from ..run.console import losses, now_and_then, say, speed, warn
from ..run.facts import LOOKED_AT, beginnings, versions
from ..run.hub_resume import SCHEME, pull_run
from ..run.run_folder import IDS, RunFolder
from ..run.training_run import TrainingRun
from ..system import keep_freed_memory
from . import fine_tune
from . import teachers as taught
from .fine_tune import Parent
from .options import DEFAULT_MINUTES, OptionsError, chosen, to_publish
from .space import noted, page_again, page_before

_SHORTEST = 100  # characters; below that neither part of the text is worth the name


def fresh(options: argparse.Namespace, start: float) -> TrainingRun:
    """A run from its first step.

    Args:
        options: as ``options.parse`` gives them.
        start: ``time.monotonic()`` when the process began, from which the minutes count.
    """
    device = training_device(options.device)
    if options.space is not None:
        check_project(options.hardware)
    with ExitStack() as undo:
        folder = RunFolder(options.out, resume=False) if options.out is not None else None
        if folder is not None:
            undo.callback(folder.discard)
        parent = fine_tune.parent_of(options)
        taught_by = taught.load_teachers(options)
        known = parent.lm.tokenizer.vocab if parent else ()
        if folder is None:
            folder = _free_folder(corpus_name(options.text))
            undo.callback(folder.discard)
        reader = ChatReader() if options.chat else None
        corpus = _read(options.text, options.errors or "strict", folder.path / IDS, known, reader)
        chat = reader.format(options.reply_as) if reader else None
        corpus_kept.keep(corpus, folder.path)
        folder.write_sources(options.text, options.errors or "strict")
        destination = _destination(options, corpus)
        page = page_before(options, destination.repo if destination else "")
        tokenizer, facts = _characters(corpus, _public(options.text, options.errors or "strict"), known)
        if reader and chat:
            facts |= _chat_facts(reader, chat)
        baseline = _baseline(len(tokenizer), corpus.ids)
        soft_targets = None
        if taught_by:
            soft_targets = taught.expected_by(taught_by, tokenizer, corpus.ids, folder.path, device)
        keep_freed_memory()  # not earlier, so that the memory for reading the text is returned
        recipe, preset = _recipe(options, len(tokenizer), corpus.ids, folder.path, start, parent, soft_targets, device)
        about: dict[str, Any] = {
            "preset": preset,
            "license": options.license,
            "repo": destination.repo if destination else "",
            "command": to_publish(options),
            **(parent.about if parent else {}),
            **taught.about(taught_by, folder.path),
            **baseline,
            **versions(device),
        }
        about = noted(about, page)
        source = Source(tokenizer, *split(corpus.ids))
        checkpoint_manager = CheckpointManager(folder, _pusher(destination, folder), source=source)
        made: dict[str, Any] = {"facts": facts, "about": about, "start": start, "chat": chat, "page": page}
        made["soft_targets"] = soft_targets
        session = TrainingRun.prepare(checkpoint_manager, tokenizer, corpus.ids, recipe, device, **made)
        if parent:
            train, _ = split(corpus.ids)
            session.trainer.start_from(fine_tune.grown_weights(parent.lm, train, len(tokenizer)))
        undo.pop_all()
        return session


def resumed(options: argparse.Namespace, start: float) -> TrainingRun:
    """A run from where its newest whole checkpoint stands."""
    from_hub = options.resume.startswith(SCHEME)
    device = training_device(options.device)
    with ExitStack() as undo:
        folder = _pulled(options, undo) if from_hub else RunFolder(options.resume, resume=True)
        undo.callback(folder.close)
        state, tensors, metrics, served = folder.newest_whole(warn)
        recipe = _saved_recipe(state)
        corpus, public = _read_again(options, folder, state["corpus"], served)
        destination = _destination(options, corpus)
        if destination is None and from_hub:  # the text was looked at, and published, when the run began
            repo = check_repo_name(options.resume.removeprefix(SCHEME))
            destination = run_job(CheckRepo(repo=repo, private=False, license=options.license))
        elif destination is None and (folder.path / "outbox" / "destination.json").exists():
            destination = read_destination(folder.path)
            if options.license != "unknown":  # a licence that is new to the run is checked, and needs the Hub
                destination = run_job(CheckRepo(repo=destination.repo, private=False, license=options.license))
        elif destination is None and options.space is not None:
            destination = _destination(options, corpus, options.space)
        tokenizer, facts = _characters(corpus, public)
        facts["examples"] = served.training.get("examples", [])
        page = page_again(options, state["about"], destination.repo if destination else None)
        about = noted(state["about"], page)
        if destination is not None:
            about["repo"] = destination.repo
        if options.license != "unknown":
            about["license"] = options.license
        _check_machine(about, device)
        done = int(tensors["steps_done"])
        changed: dict[str, Any] = {name: about[name] for name in ("repo", "license", "space") if name in about}
        source = Source(tokenizer, *split(corpus.ids))
        checkpoint_manager = CheckpointManager(folder, _pusher(destination, folder), done, changed, source)
        known = {"facts": facts, "about": about, "metrics": metrics, "start": start, "began_s": state["seconds"]}
        known |= {"samples": folder.samples(), "chat": served.chat, "page": page}
        if options.teachers and "taught_by" not in about:
            raise OptionsError("--teacher is frozen in the run, which began without: resume without it")
        if "taught_by" in about and done < recipe.steps:
            note = about["taught_by"]
            known["soft_targets"] = taught.expected_again(options, note, tokenizer, corpus.ids, folder.path, device)
        keep_freed_memory()
        session = TrainingRun.prepare(checkpoint_manager, tokenizer, corpus.ids, recipe, device, **known)
        try:
            session.trainer.load_state_tensors(tensors)
        except ValueError as error:
            raise RunError(str(error)) from None
        steps = recipe.steps
        checkpoint_manager.catch_up(metrics, complete=done == steps)
        say(f"Going on from step {done:,} of {steps:,}." if done < steps else f"This run is complete: {steps:,} steps.")
        undo.pop_all()
        return session


def _pulled(options: argparse.Namespace, undo: ExitStack) -> RunFolder:
    """A folder of its own for a run that goes on from the Hub."""
    repo = options.resume.removeprefix(SCHEME)
    folder = RunFolder(options.out, resume=False) if options.out is not None else _free_folder(repo.split("/")[1])
    undo.callback(folder.abandon)
    say(f"Pulling the newest checkpoint of {repo} to {folder.path} …")
    pull_run(repo, folder)
    return folder


def _read(
    sources: list[str], errors: Any, path: Path, known: Sequence[str] = (), chat: ChatReader | None = None
) -> Corpus:
    """A text: known characters first in its vocabulary, and turns if it is a chat."""
    say(f"Reading {_listed(sources) or 'the documentation that ships inside Python'} …")
    how: dict[str, Any] = {"errors": errors, "base_vocab": known, "parse_chat": chat.read if chat else None}
    corpus = read_corpus(sources, path=path, progress=_reading_shown(), **how)
    for line in (*corpus.warnings, *(chat.warnings if chat else ())):
        warn(line)
    check_length(corpus, _SHORTEST, "training")
    return corpus


def _read_again(
    options: argparse.Namespace, folder: RunFolder, saved: dict[str, Any], served: Checkpoint
) -> tuple[Corpus, dict[str, Any] | None]:
    """The text of a run that goes on, and where anyone finds it.

    It is the copy in the run's folder, unless another place was typed or its files were written to.
    """
    kept = None if options.text else corpus_kept.find(folder.path, saved["sha256"])
    if kept is not None and _is_current(kept, folder):
        return kept, saved.get("public")
    sources, errors = _sources(options, folder, saved)
    beside = folder.path / f".{IDS}.again.tmp"  # another text does not replace the run's own
    try:
        corpus = _read(sources, errors, beside, served.tokenizer.vocab, ChatReader() if served.chat else None)
        _check_same(corpus, saved)
        beside.replace(folder.path / IDS)
    finally:
        beside.unlink(missing_ok=True)
    corpus_kept.keep(corpus, folder.path)
    if options.text or options.resume.startswith(SCHEME):
        folder.write_sources(sources, errors)
    return corpus, _public(sources, errors)


def _sources(options: argparse.Namespace, folder: RunFolder, saved: dict[str, Any]) -> tuple[list[str], Any]:
    """Where the text of a run is now, and how it is decoded."""
    if options.text:
        return options.text, options.errors or "strict"
    if not options.resume.startswith(SCHEME):
        sources, errors = folder.read_sources()
        return sources, options.errors or errors
    public = saved.get("public")
    sources = [str(source) for source in public["sources"]] if public else []
    if not public or public_sources(sources) is None:  # a repo of the Hub has no say in which files are read here
        raise RunError(
            f"the text of this run is not on the Hub: give it again: python -m training TEXT --resume {options.resume}"
        )
    return sources, options.errors or public["errors"]


def _is_current(kept: Corpus, folder: RunFolder) -> bool:
    try:
        current = corpus_kept.is_current(kept, folder.read_sources()[0])
    except RunError:  # it came from standard input, or nobody knows whence
        return True
    if current is None:
        warn("the text is no longer where it was: going on with the copy of it in the run's folder")
    return current is not False


def _listed(sources: list[str], most: int = 3) -> str:
    """As they were typed, but without the secrets that an address may hold."""
    names = [public_source(source) if "://" in source else source for source in sources[:most]]
    return ", ".join(names) + (f" and {len(sources) - most:,} more" if len(sources) > most else "")


def _reading_shown() -> Any:
    """Says now and then how far a text is; nothing for what is quick."""
    tell = now_and_then()

    def show(what: str, done: int, whole: int | None) -> None:
        tell(f"{what}: {size_text(done)}{f' of {size_text(whole)}' if whole else ''}")

    return show


def _public(sources: list[str], errors: str) -> dict[str, Any] | None:
    """Where anyone finds the text; None when it is a file of this machine."""
    return None if public_sources(sources) is None else {"sources": sources, "errors": errors}


def _characters(
    corpus: Corpus, public: dict[str, Any] | None, known: Sequence[str] = ()
) -> tuple[CharTokenizer, dict[str, Any]]:
    tokenizer = CharTokenizer(corpus.vocab)
    if known:
        new = f"{len(tokenizer) - len(known):,} of them new to the model, which knew {len(known):,} distinct ones"
    say(f"{corpus.characters:,} characters, {new if known else f'{len(tokenizer):,} of them distinct'}.")
    facts = {
        "corpus": corpus.name,
        "corpus_sha256": corpus.sha256,
        "corpus_characters": corpus.characters,
        "corpus_public": public,
        "examples": beginnings(corpus.head(LOOKED_AT)),
    }
    return tokenizer, facts


def _chat_facts(reader: ChatReader, chat: ChatFormat) -> dict[str, Any]:
    """What there is to say of a text that is a chat."""
    asks, replies = chat.prefix.removesuffix(": "), chat.opening.removesuffix(": ")
    say(
        f"{sum(reader.speakers.values()):,} messages of {len(reader.speakers):,} speakers: it speaks as "
        f"{one_line(replies)} to {one_line(asks)}."
    )
    return {"examples": reader.examples(chat)}


def _baseline(vocab_size: int, ids: Ids) -> dict[str, Any]:
    """What counting alone would reach on the held-out text: for scale, and before any time is measured."""
    train, validation = split(ids)
    loss = ngram.ngram_loss(train, validation[: evaluate.EVALUATED + 1], vocab_size)
    say(f"For scale: an n-gram of order {ngram.ORDER} reaches {losses(loss)} on the last tenth.")
    return {"ngram_loss": loss, "ngram_characters": min(len(train), ngram.MAX_CHARACTERS)}


def _destination(options: argparse.Namespace, corpus: Corpus, also: str | None = None) -> Destination | None:
    """Where to push, once it is sure that one may: both the person, and the text.

    Args:
        also: where to, when it was not said.
    """
    repo = options.push_to or also
    if not repo:
        return None
    if not options.private and not options.publish_anyway:
        found = privacy.report(privacy.scan_pieces(corpus.pieces()), corpus.locate)
        if found:
            raise RunError(f"nothing was trained or published.\n{found}")
    say(f"Making sure that {repo} can be pushed to …")
    return run_job(CheckRepo(repo=check_repo_name(repo), private=options.private, license=options.license))


def _pusher(destination: Destination | None, folder: RunFolder) -> Pusher | None:
    if destination is None:
        return None
    audience = "private" if destination.private else "public: anyone can read it and what it has learned"
    say(f"Pushing to {destination.url} ({audience}).")
    return Pusher(destination, folder.path, report=say)


def _recipe(
    options: argparse.Namespace,
    vocab_size: int,
    ids: Ids,
    folder: Path,
    start: float,
    parent: Parent | None,
    soft_targets: SoftTargets | None,
    device: torch.device,
) -> tuple[Recipe, str]:
    """What will be done, from the options, the text, a look at the machine, and the model to go on from."""
    minutes = None if options.steps else options.minutes or DEFAULT_MINUTES
    train, validation = split(ids)
    plan = None
    if minutes is not None:
        fixed = frozenset(chosen(options))
        plan = measure.Plan(minutes=minutes, start=start, pushes=bool(options.push_to), fixed=fixed)
        say("Measuring this machine …")
    preset = options.preset or (fine_tune.preset_near(parent.lm) if parent else "")
    if not preset:
        small = fitted_to(PRESETS["small"], vocab_size)
        if plan is None:
            readable = float(options.steps * small.batch * small.window)
        else:
            readable = plan.seconds * measure.reading_speed(small, vocab_size, train, device)
        preset = preset_for(readable, len(ids))
    recipe = replace(fitted_to(PRESETS[preset], vocab_size), bfloat16=has_fast_bfloat16(device))
    if parent:
        recipe = fine_tune.gentler(recipe, parent.lm)
    recipe = replace(recipe, **chosen(options))
    recipe = replace(recipe, window=min(recipe.window, len(train) - 1))
    recipe = replace(recipe, batch=max(1, min(recipe.batch, len(train) // recipe.window)))
    _check_size(recipe, vocab_size, device)
    if plan is None:
        recipe = replace(recipe, steps=options.steps)
    else:
        read = min(len(validation), evaluate.EVALUATED)
        recipe, rate = measure.fit_minutes(recipe, plan, vocab_size, train, read, folder, device, soft_targets)
        say(f"{speed(rate)}{' in bfloat16' if recipe.bfloat16 else ''}.")
    passes = recipe.characters / len(train)
    if not options.no_fit:
        dropout = {name: value for name, value in chosen(options).items() if name.startswith("dropout")}
        recipe = regularized(recipe, len(train), vocab_size, has_teachers=soft_targets is not None)
        recipe = replace(recipe, **dropout)
    time_text = "" if minutes is None else f", {minutes:g} {'minute' if minutes == 1 else 'minutes'} in all"
    say(
        f"Training '{preset}': {recipe.num_layers} × {recipe.hidden_size:,} cells, {recipe.steps:,} steps of "
        f"{recipe.batch:,} × {recipe.window:,} characters, {passes:,.1f} passes over the text{time_text}."
    )
    say(f"Kept in {folder}; Ctrl-C saves and stops.")
    return recipe, preset


def _check_size(recipe: Recipe, vocab_size: int, device: torch.device) -> None:
    """Refuses what cannot fit, before anything is allocated."""
    try:
        config = LSTMConfig(vocab_size, recipe.embedding_size, recipe.hidden_size, recipe.num_layers)
    except ValueError as error:
        raise OptionsError(str(error)) from None
    needed, there = measure.memory_needed(recipe, config), free_memory(device)
    if there is not None and needed > there:
        raise OptionsError(
            f"{config.parameters:,} parameters with --batch {recipe.batch} and --window {recipe.window} need at least "
            f"{size_text(needed)} of memory, and {size_text(there)} are free: choose smaller ones"
        )


def _free_folder(name: str) -> RunFolder:
    """runs/NAME, or with a number behind it if that is taken."""
    for path in (Path("runs") / (f"{name}-{number}" if number > 1 else name) for number in range(1, 10_000)):
        if not path.exists():
            return RunFolder(path, resume=False)
    raise RunError(f"runs/ holds 9,999 runs of {name!r}: choose a folder with --out")


def _saved_recipe(state: dict[str, Any]) -> Recipe:
    try:
        recipe, corpus, about = Recipe(**state["recipe"]), state["corpus"], state["about"]
        sound = isinstance(corpus["sha256"], str) and isinstance(corpus["characters"], int)
        sound &= isinstance(state["seconds"], int | float) and {"repo", "license"} <= about.keys()
        if not sound or not all(str(value).isprintable() for value in about.values()):
            raise ValueError("state.json is not what it writes")
        return recipe
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"this run was begun with another version of the project ({error}): train anew") from None


def _check_same(corpus: Corpus, saved: dict[str, Any]) -> None:
    if corpus.sha256 != saved["sha256"]:
        raise RunError(
            f"the text is not the one this run began with ({saved['characters']:,} characters then, "
            f"{corpus.characters:,} now, or changed inside): resume with that text, or start another run"
        )


def _check_machine(about: dict[str, Any], device: torch.device) -> None:
    differs = [
        f"{name} {about[name]} then, {now} now" for name, now in versions(device).items() if about.get(name) != now
    ]
    if differs:
        warn(f"{'; '.join(differs)}: from here on the numbers may differ in their last digits")
