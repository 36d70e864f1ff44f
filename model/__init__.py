"""A character LSTM: load one, let it write, ask how surprised it is.

from model import CharLSTM, stream
lm = CharLSTM.from_pretrained("user/name")
for piece in stream(lm, "ROMEO:", length=500, temperature=0.8, seed=1):
    print(piece, end="")
"""

from .blend import Blend
from .blocked import BlockedWords
from .cells import Cell
from .char_lstm import PRETRAINED, CharLSTM
from .chat import ChatFormat
from .checkpoint import CheckpointError
from .engine import Engine, EngineBusyError
from .holds import Hold
from .lstm import LSTMConfig, LSTMNetwork, LSTMState
from .pull import ModelUnavailableError
from .reading import Look, Reading, Seen
from .sampler import SamplingParams
from .score import Score, score
from .sequence import Memory, Sequence
from .tokenizer import CharTokenizer, UnknownCharactersError
from .writing import Stream, generate, stream

__all__ = [
    "PRETRAINED",
    "Blend",
    "BlockedWords",
    "Cell",
    "CharLSTM",
    "CharTokenizer",
    "ChatFormat",
    "CheckpointError",
    "Engine",
    "EngineBusyError",
    "Hold",
    "LSTMConfig",
    "LSTMNetwork",
    "LSTMState",
    "Look",
    "Memory",
    "ModelUnavailableError",
    "Reading",
    "SamplingParams",
    "Score",
    "Seen",
    "Sequence",
    "Stream",
    "UnknownCharactersError",
    "generate",
    "score",
    "stream",
]
