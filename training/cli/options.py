"""The options of a training, with all checks that need neither the text nor the network."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from model.char_lstm import is_local
from model.cli.arguments import UsageError, nearest
from model.settings import number_or_text
from model.terminal import one_line, own_command

from ..card.public_text import public_source
from ..corpus.decode import Errors, Reading, codec_name
from ..corpus.sources import expanded_path
from ..hub.destination import check_repo_name
from ..run.hub_resume import SCHEME
from .parser import MINUTES, SETTINGS, STEPS, TEACHERS, train_parser

_PROGRAM = "char-lstm train"
_OTHER_PROGRAM = re.compile(r"^(python -m training|python -m char_lstm train|hf char-lstm train)(?= |$)")
_UNPUBLISHED = ("text", "out", "device", "ray", "text_of")


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of `python -m training TEXT…`; `parser` describes each. None: not given."""

    text: tuple[str, ...]
    out: str | None
    minutes: float | None
    steps: int | None
    preset: str | None
    device: str | None
    resume: str | None
    parent: str | None
    teacher: tuple[str, ...]
    teachers: int | None  # how many teachers are trained first
    ray: str | None  # what trains them: "local", or the address of a Ray cluster; None for this machine
    text_of: str | None  # a run folder whose text is read instead of `text`
    errors: Errors | None
    encoding: str | None
    chat: bool
    quote_chat: bool
    reply_as: str | None
    push_to: str | None
    space: str | None
    hardware: str
    private: bool
    license: str
    publish_anyway: bool
    replace: bool
    recipe: Mapping[str, Any]  # the fields of `Recipe` that were given

    @property
    def hub_run(self) -> str:
        """USER/NAME of the run of `--resume hf://USER/NAME`; "" without that option."""
        resume = self.resume or ""
        return resume.removeprefix(SCHEME) if resume.startswith(SCHEME) else ""

    @property
    def reading(self) -> Reading:
        """How the text of a new run is read."""
        return Reading(errors=self.errors or "strict", encoding=self.encoding)


def parse_train(arguments: Sequence[str]) -> TrainOptions:
    """Returns the options of a training.

    Raises:
        UsageError: an option is unknown, out of bounds, or contradicts another.
        HubError: `--push-to` or `--space` is not the name of a repo.
    """
    typed = vars(train_parser().parse_args(arguments))
    typed["recipe"] = _settings(typed["recipe"])
    typed["text"], typed["teacher"] = tuple(typed["text"]), tuple(typed["teacher"])
    typed["chat"] = typed["chat"] or typed["quote_chat"] or typed["reply_as"] is not None
    if typed["push_to"] is None and typed["resume"] is None:  # a resumed run is pushed to its own repo
        typed["push_to"] = typed["space"]
    if (encoding := typed["encoding"]) is not None:
        typed["encoding"] = codec_name(encoding)
        if typed["encoding"] is None:
            raise UsageError(
                f"--encoding is {encoding!r:.60}: it must be one that Python knows, such as cp1252 or koi8-r"
            )
    options = TrainOptions(**typed)
    _check(options)
    return options


def published_command(options: TrainOptions, closed: Collection[str]) -> str:
    """Returns the command that was typed, without paths, secrets and names of private files, as the card shows it.

    It begins with `char-lstm train`, however this process was started. `closed`: those of its sources that not everyone
    can read.
    """
    hidden = [*closed, *(text for text in options.text if hides_file_names(options) and "://" not in text)]
    words = [*_PROGRAM.split(), *("TEXT" if text in hidden else public_source(text) for text in options.text)]
    shown = {name: value for name, value in given_options(options).items() if name not in _UNPUBLISHED}
    if not options.quote_chat:
        shown.pop("reply_as", None)
    parent, teachers = shown.pop("parent", None), shown.pop("teacher", ())
    shown["set"] = ",".join(f"{name}={value}" for name, value in shown.pop("recipe", {}).items()) or None
    models = {"from": _public_model(parent), "teacher": [_public_model(teacher) for teacher in teachers]}
    for name, value in {**models, **shown}.items():
        option = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if each is True:
                words.append(option)
            elif each is not None:
                words += [option, f"{each:g}" if isinstance(each, float) else str(each)]
    return shlex.join(words)


def same_program(command: str) -> str:
    """Returns a recorded command as `published_command` does; earlier runs record how they were started."""
    return _OTHER_PROGRAM.sub(_PROGRAM, command)


def given_options(options: TrainOptions) -> dict[str, Any]:
    """Returns the options that differ from their defaults, apart from --resume."""
    defaults = parse_train([])
    return {
        each.name: value
        for each in fields(options)
        if (value := getattr(options, each.name)) != getattr(defaults, each.name) and each.name != "resume"
    }


def absolute_model(typed: str) -> str:
    """Returns the name of a model so that it does not depend on the working folder: a path that exists is absolute."""
    path = expanded_path(typed)
    return str(path.absolute()) if path.exists() else typed


def hides_file_names(options: TrainOptions) -> bool:
    """Returns whether the names of local files are not published: the text is a chat, or holds private data."""
    return options.chat or options.private or options.publish_anyway


def _public_model(typed: str | None) -> str | None:
    return "MODEL" if typed is not None and is_local(typed) else typed  # a folder may have the name of a private text


def _check(options: TrainOptions) -> None:
    if options.minutes is not None and options.steps is not None:
        raise UsageError("--minutes and --steps both set the length of the run: give one of them")
    for setting, value in ((MINUTES, options.minutes), (STEPS, options.steps), (TEACHERS, options.teachers)):
        if value is not None:
            setting.check(value)
    if options.ray is not None and not options.teachers and options.resume is None:
        raise UsageError("--ray is for --teachers: give --teachers N, too, or omit it")
    if options.resume is not None:
        _check_resume(options)
    elif options.chat and not options.text:
        raise UsageError("--chat needs a TEXT: give the chat's file")
    if options.space is None and options.hardware != "static":
        raise UsageError("--hardware is for a Space: give --space USER/NAME, too")
    if options.private and options.push_to is None and options.space is None:
        raise UsageError("--private is for a push: give --push-to USER/NAME, too")


def _settings(typed: Sequence[str]) -> Mapping[str, Any]:
    """Returns the fields of `Recipe` that --set gives, by their names."""
    found: dict[str, Any] = {}
    for text in (part for each in typed for part in each.split(",")):
        name, _, value = text.partition("=")
        name = name.replace("-", "_")
        if name not in SETTINGS or not value:
            hint = nearest(name, SETTINGS)
            remedy = f"did you mean {hint}=VALUE?" if hint and name != hint else "it is written NAME=VALUE"
            train = " ".join(own_command("training", "train"))
            raise UsageError(f"--set {one_line(text, 60)}: {remedy} ({train} --help lists the settings)")
        is_bool = SETTINGS[name].type is bool and value.lower() in ("true", "false")
        found[name] = value.lower() == "true" if is_bool else number_or_text(value)
        SETTINGS[name].check(found[name])
    return found


def _check_resume(options: TrainOptions) -> None:
    if (options.resume or "").startswith(SCHEME):
        if "/" not in options.hub_run or not check_repo_name(options.hub_run):
            raise UsageError(f"--resume is {options.resume!r:.60}: a run on the Hub is written hf://USER/NAME")
    elif options.out is not None:
        raise UsageError("--resume continues a run in its own folder: omit --out")
    if options.parent is not None:
        raise UsageError("--from starts a new run: omit --resume")
    fixed = ("recipe", "preset", "minutes", "steps", "teachers", "quote_chat", "chat")
    given = next((name for name in fixed if getattr(options, name) not in (None, False, {})), None)
    if given:
        option = {"recipe": "set"}.get(given, given.replace("_", "-"))
        longer = " (to train longer, start a new run from it: --from RUN)" if given in ("minutes", "steps") else ""
        raise UsageError(f"--{option} cannot change in a run: omit it with --resume{longer}")
