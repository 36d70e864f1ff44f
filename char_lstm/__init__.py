"""A character LSTM: load a model, generate text, score a text. `__all__` has the public names.

from char_lstm import CharLSTM, stream
lm = CharLSTM.from_pretrained("user/name")
for piece in stream(lm, "ROMEO:", length=500, temperature=0.8, seed=1):
    print(piece, end="")

The names are those of the package `model`. An installation has all packages of the project below this one: setup.py.
"""

from typing import TYPE_CHECKING

from model import __all__ as __all__, __getattr__ as __getattr__, __version__ as __version__

if TYPE_CHECKING:
    from model import *  # noqa: F403  as __getattr__ does when the program runs
