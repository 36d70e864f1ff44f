"""Chooses the recipe of a new run: from its options, its text, this machine, and the model that it starts from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from time import monotonic

import torch

from model import CharLSTM
from model.backends.device import free_memory, has_fast_bfloat16
from model.cli.arguments import UsageError
from model.lstm import SIZES
from model.terminal import size_text

from ..corpus.ids_file import Ids
from ..learner import processes
from ..learner.dataset import split
from ..learner.distillation import SoftTargets
from ..learner.recipe import PRESETS, Recipe, fit_dropout, fit_to_vocabulary, preset_for
from ..run import measure
from ..run.clock import MIN_STEPS, Clock
from ..run.console import say, speed_text
from ..run.measure import Threads
from . import fine_tune
from .options import MINUTES, TrainOptions

_EVALUATED_SHARE = 0.2  # characters that all evaluations of a run of --steps read, over those that it trains on
_EVALUATIONS_SHARE = 0.05  # of the time of a run of --minutes, for evaluations and checkpoints, at most
_MIN_EVALUATIONS, _MIN_EVALUATED = 2, 10_000  # evaluations, and characters of each: on fewer the loss is too noisy
_MAX_STEPS = 10**9


def choose_recipe(
    options: TrainOptions,
    *,
    vocab_size: int,
    ids: Ids,
    start: float,
    parent: CharLSTM | None,
    soft_targets: SoftTargets | None,
    device: torch.device,
) -> tuple[Recipe, Clock, Threads, str]:
    """Returns the recipe of a new run, its clock, its threads and the name of its preset; prints the plan.

    Args:
        options: the fields of the recipe that are given do not change.
        ids: (N,) the whole text.
        start: `time.monotonic()` when this process began; the minutes count from then.
        soft_targets: (N, V), the predictions of the teachers.
    """
    train, validation = split(ids)
    minutes = options.minutes or MINUTES.default
    if not options.steps:
        say("Measuring this machine …")
    preset = options.preset or (fine_tune.preset_near(parent) if parent else "")
    if not preset:
        small = fit_to_vocabulary(PRESETS["small"], vocab_size)
        if options.steps:
            read = float(options.steps * small.batch * small.window)
        else:
            read = 60 * minutes * measure.reading_speed(small, vocab_size, train, device)
        preset = preset_for(read, len(ids))
    recipe = _with_options(PRESETS[preset], options, vocab_size, len(train), device, parent)
    if options.steps:
        recipe = with_steps(recipe, options.steps, len(validation), options.recipe)
        clock, threads = Clock(recipe), Threads(device)
    else:
        pushes = bool(options.push_to)
        found = measure.measured(recipe, vocab_size, train, device, soft_targets, minutes=minutes, pushes=pushes)
        speed = speed_text(recipe.batch * recipe.window / found.costs.step_s)
        say(f"{speed}{' in bfloat16' if recipe.bfloat16 else ''}.")
        elapsed_s = monotonic() - start
        recipe = with_minutes(recipe, found, minutes, elapsed_s, len(validation) - 1, options.recipe)
        clock, threads = Clock(recipe, minutes, found.costs), found.threads
    dropout = {name: value for name, value in options.recipe.items() if name.startswith("dropout")}
    recipe = replace(fit_dropout(recipe, len(train), vocab_size, has_teachers=soft_targets is not None), **dropout)
    _say_plan(recipe, preset, len(train), None if options.steps else minutes)
    return recipe, clock, threads, preset


def with_steps(recipe: Recipe, steps: int, held_out: int, given: Collection[str]) -> Recipe:
    """Returns the recipe with `steps` steps, and with fewer evaluations if these would take too much of the time.

    An evaluation reads its characters twice; a training step takes three times as long for each character as reading.
    The fields of the recipe in `given` do not change.
    """
    recipe = replace(recipe, steps=steps)
    if "evaluations" in given:
        return recipe
    affordable = int(_EVALUATED_SHARE * recipe.characters / min(held_out, recipe.evaluated))
    return replace(recipe, evaluations=max(_MIN_EVALUATIONS, min(recipe.evaluations, affordable)))


def with_minutes(
    recipe: Recipe, found: measure.Measured, minutes: float, elapsed_s: float, held_out: int, given: Collection[str]
) -> Recipe:
    """Returns the recipe with the steps and evaluations that fit into the time; sets the time of an evaluation.

    Args:
        minutes: the time from the start of the process to its end.
        elapsed_s: the seconds of it that have passed.
    """
    costs, character_s = found.costs, found.character_s
    left_s = 60 * minutes - elapsed_s - costs.end_s
    share_s = max(0.0, _EVALUATIONS_SHARE * left_s)
    evaluated, evaluations = min(recipe.evaluated, held_out), recipe.evaluations
    if not {"evaluated", "evaluations"} & {*given} and character_s:
        # Fewer characters only if the minimum of evaluations does not fit with all of them.
        fitting = (share_s / _MIN_EVALUATIONS - costs.evaluation_s) / character_s
        evaluated = min(evaluated, max(_MIN_EVALUATED, int(fitting)))
    costs.evaluation_s += evaluated * character_s
    if "evaluations" not in given:
        # One a minute, so that a run that is killed loses no more than a minute; up to 200.
        wanted = min(200, max(recipe.evaluations, round(minutes)))
        evaluations = max(_MIN_EVALUATIONS, min(wanted, int(share_s / costs.evaluation_s)))
    left_s -= evaluations * costs.evaluation_s
    steps = min(_MAX_STEPS, max(MIN_STEPS, round(left_s / found.costs.step_s)))
    if evaluated < min(recipe.evaluated, held_out):
        recipe = replace(recipe, evaluated=evaluated)
    return replace(recipe, steps=steps, evaluations=evaluations)


def _say_plan(recipe: Recipe, preset: str, characters: int, minutes: float | None) -> None:
    """Prints the plan of a run; `characters` is the length of the text to train on."""
    length = f", {minutes:g} {'minute' if minutes == 1 else 'minutes'} in all" if minutes else ""
    several = f" in {processes.count()} processes" if processes.count() > 1 else ""
    say(
        f"Training preset '{preset}'{several}: {recipe.num_layers} × {recipe.hidden_size:,} cells, "
        f"{'about ' if minutes else ''}{recipe.steps:,} steps of {recipe.batch:,} × {recipe.window:,} characters, "
        f"{recipe.characters / characters:,.1f} passes over the text{length}."
    )


def _with_options(
    preset: Recipe, options: TrainOptions, vocab_size: int, length: int, device: torch.device, parent: CharLSTM | None
) -> Recipe:
    """Returns a preset for a text of `length` characters, with the fields that were given; refuses one too large."""
    recipe = replace(fit_to_vocabulary(preset, vocab_size), bfloat16=has_fast_bfloat16(device))
    if parent:
        sizes, scale = {name: getattr(parent.config, name) for name in SIZES}, fine_tune.LEARNING_RATE_SCALE
        recipe = replace(recipe, **sizes, lr=scale * recipe.lr, matrix_lr=scale * recipe.matrix_lr)
    recipe = replace(recipe, **options.recipe)
    recipe = replace(recipe, window=min(recipe.window, length - 1))
    recipe = replace(recipe, batch=max(1, min(recipe.batch, length // recipe.window)))
    config = recipe.network_config(vocab_size)
    needed, free = measure.memory_needed(recipe, config), free_memory(device)
    if free is not None and needed > free:  # before anything is allocated
        raise UsageError(
            f"{config.parameters:,} parameters with batch={recipe.batch} and window={recipe.window} need at least "
            f"{size_text(needed)} of memory, and {size_text(free)} are free: choose smaller ones"
        )
    return recipe
