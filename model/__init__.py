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
files        atomic writes, scripts made small
cli          the commands of python -m model
terminal     text that is safe to show; helpers for command lines
pretrained   the bundled models
"""

from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attribution import Occlusion as Occlusion, occlusion as occlusion
    from .char_lstm import CharLSTM as CharLSTM
    from .chat import ChatFormat as ChatFormat
    from .checkpoint.format import CheckpointError as CheckpointError
    from .checkpoint.names import PRETRAINED as PRETRAINED
    from .clamps import Clamp as Clamp
    from .engine.blend import Blend as Blend, LanguageModel as LanguageModel
    from .engine.blocked_words import BlockedWords as BlockedWords
    from .engine.engine import Engine as Engine, EngineBusyError as EngineBusyError
    from .engine.sequence import Memory as Memory, Sequence as Sequence
    from .generation import Stream as Stream, generate as generate, stream as stream
    from .hub.errors import ModelUnavailableError as ModelUnavailableError
    from .lstm import LSTMConfig as LSTMConfig, LSTMNetwork as LSTMNetwork, LSTMState as LSTMState
    from .named_cells import Cell as Cell
    from .scoring import Score as Score, adapted as adapted, score as score, score_adapting as score_adapting
    from .settings import SamplingParams as SamplingParams
    from .tokenizer import CharTokenizer as CharTokenizer, UnknownCharactersError as UnknownCharactersError
    from .trace import StepTrace as StepTrace, TextTrace as TextTrace, TokenTrace as TokenTrace

__version__ = "0.2.0"

_EXPORTS = {  # by module: its public names. A module, and torch with it, is imported when one of its names is used.
    "attribution": ("Occlusion", "occlusion"),
    "checkpoint.names": ("PRETRAINED",),
    "char_lstm": ("CharLSTM",),
    "chat": ("ChatFormat",),
    "checkpoint.format": ("CheckpointError",),
    "clamps": ("Clamp",),
    "engine.blocked_words": ("BlockedWords",),
    "engine.engine": ("Engine", "EngineBusyError"),
    "engine.blend": ("Blend", "LanguageModel"),
    "engine.sequence": ("Memory", "Sequence"),
    "generation": ("Stream", "generate", "stream"),
    "hub.errors": ("ModelUnavailableError",),
    "lstm": ("LSTMConfig", "LSTMNetwork", "LSTMState"),
    "named_cells": ("Cell",),
    "scoring": ("Score", "adapted", "score", "score_adapting"),
    "settings": ("SamplingParams",),
    "tokenizer": ("CharTokenizer", "UnknownCharactersError"),
    "trace": ("StepTrace", "TextTrace", "TokenTrace"),
}
__all__ = [*chain.from_iterable(_EXPORTS.values())]


def __getattr__(name: str) -> Any:
    for module, names in _EXPORTS.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
