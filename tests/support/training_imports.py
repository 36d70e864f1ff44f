"""Imports what a training run imports, at its start and later, before runs are forked from this process."""

import matplotlib.figure  # noqa: F401

import training.cli.main  # noqa: F401
from model.backends.int8_products import numba_available

numba_available()  # imports numba
