"""A character LSTM: load a model, generate text, score a text. Imports neither Gradio nor `training`.

from model import CharLSTM, stream
lm = CharLSTM.from_pretrained("user/name")
for piece in stream(lm, "ROMEO:", length=500, temperature=0.8, seed=1):
    print(piece, end="")

char_lstm    CharLSTM: from_pretrained, save_pretrained, push_to_hub
lstm         the network: nn.LSTM over a text, nn.LSTMCell for one character
tokenizer    CharTokenizer: one character, one id
chat         ChatFormat: the strings around a message, of a model that was trained on conversations
settings     temperature, top-k, top-p, seed and the other generation settings
generation   stream, generate
scoring      the bits that each character of a text costs; dynamic evaluation
attribution  occlusion: how much each earlier character mattered for a character
trace        TextTrace: what the network predicts and remembers at each character of a text
clamps       cells that are set to a fixed value while the model generates
named_cells  cells.json: cells that follow a feature of the text
checkpoint   the files of a checkpoint
int8         quantized weights, kernels, integer sampling
backends     the LSTM step over slots of state, and the device
engine       continuous batching
hub          models on the Hub: one commit downloaded whole, errors explained
files        atomic writes, the lock of a file, scripts made small
cli          the commands of python -m model
terminal     text that is safe to show; helpers for command lines
pretrained   the bundled models
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attribution import Occlusion, occlusion
    from .char_lstm import CharLSTM
    from .chat import ChatFormat
    from .checkpoint.bundled import PRETRAINED
    from .checkpoint.format import CheckpointError
    from .clamps import Clamp
    from .engine.blend import Blend
    from .engine.blocked_words import BlockedWords
    from .engine.engine import Engine, EngineBusyError
    from .engine.language_model import LanguageModel
    from .engine.sequence import Memory, Sequence
    from .generation import Stream, generate, stream
    from .hub.errors import ModelUnavailableError
    from .lstm import LSTMConfig, LSTMNetwork, LSTMState
    from .named_cells import Cell
    from .scoring.adaptation import Adaptation, adapted, score_adapting
    from .scoring.surprisal import Score, score
    from .settings import SamplingParams
    from .tokenizer import CharTokenizer, UnknownCharactersError
    from .trace import StepTrace, TextTrace, TokenTrace

__version__ = "0.1.0"

__all__ = [
    "PRETRAINED",
    "Adaptation",
    "Blend",
    "BlockedWords",
    "Cell",
    "CharLSTM",
    "CharTokenizer",
    "ChatFormat",
    "CheckpointError",
    "Clamp",
    "Engine",
    "EngineBusyError",
    "LSTMConfig",
    "LSTMNetwork",
    "LSTMState",
    "LanguageModel",
    "Memory",
    "ModelUnavailableError",
    "Occlusion",
    "SamplingParams",
    "Score",
    "Sequence",
    "StepTrace",
    "Stream",
    "TextTrace",
    "TokenTrace",
    "UnknownCharactersError",
    "__version__",
    "adapted",
    "generate",
    "occlusion",
    "score",
    "score_adapting",
    "stream",
]

_EXPORTS = {  # by module: its public names. A module, and torch with it, is imported when one of its names is used.
    "attribution": ("Occlusion", "occlusion"),
    "checkpoint.bundled": ("PRETRAINED",),
    "char_lstm": ("CharLSTM",),
    "chat": ("ChatFormat",),
    "checkpoint.format": ("CheckpointError",),
    "clamps": ("Clamp",),
    "engine.blend": ("Blend",),
    "engine.blocked_words": ("BlockedWords",),
    "engine.engine": ("Engine", "EngineBusyError"),
    "engine.language_model": ("LanguageModel",),
    "engine.sequence": ("Memory", "Sequence"),
    "generation": ("Stream", "generate", "stream"),
    "hub.errors": ("ModelUnavailableError",),
    "lstm": ("LSTMConfig", "LSTMNetwork", "LSTMState"),
    "named_cells": ("Cell",),
    "scoring.adaptation": ("Adaptation", "adapted", "score_adapting"),
    "scoring.surprisal": ("Score", "score"),
    "settings": ("SamplingParams",),
    "tokenizer": ("CharTokenizer", "UnknownCharactersError"),
    "trace": ("StepTrace", "TextTrace", "TokenTrace"),
}


def __getattr__(name: str) -> Any:
    for module, names in _EXPORTS.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
