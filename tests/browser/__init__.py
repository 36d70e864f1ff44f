"""Tests of the pages in a real Chromium; one browser serves them all."""
