"""Write web/settings.json: the generation settings and the limits of both pages, as the app has them.

python -m tests.support.browser_settings
"""

import json
from dataclasses import replace
from typing import Any

from model.attribution import WINDOW
from model.clamps import MAX_CLAMPS, MAX_VALUE
from model.engine.blend import DEFAULT_SHARE
from model.int8.weights import VERSION
from model.settings import WELCOME_LENGTH, WELCOME_SEEDS, Setting
from ui.routes.web_files import FOLDER
from ui.settings import (
    DEADLINE_S,
    MAX_COLUMNS,
    MAX_LINK,
    MAX_LOGITS,
    MAX_PROMPT,
    MAX_STEP_CELLS,
    MAX_STEPS,
    MAX_TEXT,
    PAGE_SETTINGS,
    TOP,
    rule_of,
)

FILE = FOLDER / "settings.json"


def browser_settings() -> dict[str, Any]:
    shown = {name: setting for name, setting in PAGE_SETTINGS.items() if name not in ("stop", "share")}
    shown["share"] = replace(PAGE_SETTINGS["share"], default=DEFAULT_SHARE)  # of a blend, if none is given
    return {
        "settings": {name: _for_browser(setting) for name, setting in shown.items()},
        "limits": {
            "prompt": MAX_PROMPT,
            "text": MAX_TEXT,
            "link": MAX_LINK,
            "steps": MAX_STEPS,
            "clamps": MAX_CLAMPS,
            "clamp_value": MAX_VALUE,
            "reply_minutes": DEADLINE_S / 60,
            "columns": MAX_COLUMNS,
            "logits": MAX_LOGITS,
            "top": TOP,
            "step_cells": MAX_STEP_CELLS,
            "why": WINDOW,
        },
        "welcome": {"length": WELCOME_LENGTH, "seeds": list(WELCOME_SEEDS)},
        "int8_version": VERSION,
    }


def _for_browser(setting: Setting) -> dict[str, Any]:
    return {
        "whole": setting.type is int,
        "default": setting.default,
        "minimum": setting.minimum,
        "maximum": setting.maximum,
        "exclusive_minimum": setting.exclusive_minimum,
        "rule": rule_of(setting).as_json(),
        "slider": setting.slider._asdict() if setting.slider else None,
        "filters": setting.filters,
        "label": setting.label,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(browser_settings(), indent=1) + "\n", encoding="utf-8")
