"""What a visitor has chosen on the page, as one typed object instead of a list of Gradio's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..conversation import side_by_side
from ..conversation.clamps import ModelClamps
from ..conversation.moves import Settings
from ..registry.loaded_model import LoadedModel
from ..registry.registry import ModelRegistry
from ..settings import check_params, check_speed


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The values of the controls, unchecked: Gradio lets any client send any value.

    Attributes:
        model: the name of the model.
        params: the generation settings by name.
        speed: characters per second.
        second: the choice of a second model.
        share: the weight of a second model that is blended.
    """

    model: object
    speed: object
    params: dict[str, object] = field(default_factory=dict)
    second: object = side_by_side.NOBODY
    share: object = None

    @classmethod
    def read(cls, names: Sequence[str], values: Sequence[object]) -> Inputs:
        """The inputs from values in the order of the controls' names."""
        given = dict(zip(names, values, strict=True))
        fields = {name: given.pop(name) for name in ("model", "speed", "second", "share") if name in given}
        if given.get("seed") == "":  # an empty field
            given["seed"] = None
        return cls(params=given, **fields)

    def check(self, registry: ModelRegistry, clamps: ModelClamps, client_id: str) -> tuple[LoadedModel, Settings]:
        """The model that writes the next reply, and how.

        Args:
            registry: the models that are served.
            clamps: the cells that the visitor holds.
            client_id: the visitor's session.

        Raises:
            RefusalError: a value is not allowed.
        """
        params = check_params(self.params)
        served = registry.get(self.model)
        served, params = side_by_side.blended(served, params, self.second, self.share, registry)
        return served, Settings(params, check_speed(self.speed), client_id, clamps)
