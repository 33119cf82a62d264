"""The training recipe: what to train on, how long, how hard, as a YAML file that refuses unknown keys."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vision.core.errors import ConfigError, NotThereError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """Base of every part of a recipe: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Start(Part):
    """The weights to begin from, as Ultralytics YOLO11n checkpoints (relative to the recipe)."""

    street: Path
    garbage: Path | None = None
    weights: Path | None = None
    """A .pt that an earlier training made: go on from it. `street` stays the teacher."""


class Data(Part):
    """Photographs to train, validate and calibrate on (relative to the recipe)."""

    garbage: Path
    background: tuple[Path, ...] = ()
    """Folders of photographs without any garbage class: teach what to leave alone."""
    background_share: Fraction = 0.0
    street: tuple[Path, ...] = ()
    """Sets in YOLO's layout with boxes of some of COCO's classes, by name; of the background too."""
    cutouts: Path | None = None
    """Folder with one folder of RGBA cut-outs a kind."""
    held_out: tuple[str, ...] = ()
    """Kinds of which only what `vision bench inject --set development` shows is pasted: the rest is to measure."""
    coco: Path | None = None
    """Measured before and after, never trained on."""


class Augment(Part):
    """Chances and strengths of what is done to a training photograph."""

    mosaic: Fraction = 1.0
    scale: Fraction = 0.5
    translate: Fraction = 0.1
    degrees: float = 0.0
    hsv_h: Fraction = 0.015
    hsv_s: Fraction = 0.7
    hsv_v: Fraction = 0.4
    fliplr: Fraction = 0.5
    squeeze: Fraction = 0.3
    """Chance that a photograph's sides are stretched apart, as wide frames are not square."""
    night: Fraction = 0.1
    paste: Fraction = 0.3
    """Chance that cut-outs of `paste_as` are pasted and labelled."""
    distract: Fraction = 0.2
    """Chance that cut-outs of `distractors` are pasted and not labelled."""
    paste_street: Fraction = 0.0
    """The same for those of `paste_as` that are one of COCO's classes."""
    paste_as: dict[str, str] = Field(default_factory=dict)
    """Cut-out kind to class name, the data set's own or COCO's."""
    distractors: tuple[str, ...] = ()


class Stage(Part):
    """A run of batches with one set of trained layers and one learning-rate curve."""

    train: Literal["garbage", "all"]
    batches: Count
    learning_rate: Positive
    backbone_rate: Fraction = 1.0
    """Learning rate of backbone and street branch as a share of the garbage branch's."""
    frozen_layers: int = Field(default=0, ge=0, le=11)
    """First layers of the backbone that are not trained: the dearest to train and the last to need it."""
    warmup_batches: int = Field(default=50, ge=0)
    final_rate: Fraction = 0.05
    close_mosaic: int = Field(default=0, ge=0)
    """Batches at the end without mosaic and pasting."""


class Distil(Part):
    """Weights of the terms that hold the street branch to the base model."""

    features: float = Field(default=1.0, ge=0.0)
    scores: float = Field(default=1.0, ge=0.0)
    boxes: float = Field(default=1.0, ge=0.0)
    share: Fraction = 1.0
    """Share of each batch on which the base model is asked; at 0 the street branch is neither held nor trained."""


class Street(Part):
    """What the street branch is taught against the base model's opinion: boxes of a few of COCO's classes."""

    classes: tuple[str, ...] = ()
    least_score: Fraction = 0.5
    """What the base model is that sure of on a photograph as it is, it shall see in every size it is shown in."""
    weight: float = Field(default=0.5, ge=0.0)


class Recipe(Part):
    """Everything that decides what comes out of a training."""

    name: str
    version: str
    seed: int = 0
    imgsz: Annotated[int, Field(gt=0, multiple_of=32)] = 640
    batch: Count = 16
    threads: Count = 2
    readers: int = Field(default=1, ge=0, le=16)
    """Processes that read and augment photographs; 0 does it in the training's own, as a process with threads of its
    own must (a fork of it may wait for ever for a lock that one of them held)."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    weight_decay: float = Field(default=5e-4, ge=0.0)
    ema_decay: Fraction = 0.999
    start: Start
    data: Data
    augment: Augment = Augment()
    distil: Distil = Distil()
    street: Street = Street()
    stages: tuple[Stage, ...]
    validate_every: Count = 141
    patience: Count = 8
    """Validations without a better one after which a stage ends."""
    checkpoint_every: Count = 50
    calibration_images: Count = 128
    licence: str = "AGPL-3.0-only"
    trained_on: tuple[str, ...] = ()


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; its paths become absolute. Raises ConfigError, NotThereError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        recipe = Recipe.model_validate(content)
    except FileNotFoundError:
        raise NotThereError(f"{path}: a training recipe is expected here, and there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ConfigError(
            *(f"{path}: {'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        ) from None
    return rebased(recipe, path.parent)


def rebased(recipe: Recipe, base: Path) -> Recipe:
    """Return the recipe with its relative paths taken from `base`."""

    def at(path: Path | None) -> Path | None:
        return None if path is None else (base / path).resolve()

    data = recipe.data
    return recipe.model_copy(
        update={
            "start": recipe.start.model_copy(
                update={
                    "street": at(recipe.start.street),
                    "garbage": at(recipe.start.garbage),
                    "weights": at(recipe.start.weights),
                }
            ),
            "data": data.model_copy(
                update={
                    "garbage": at(data.garbage),
                    "background": tuple((base / folder).resolve() for folder in data.background),
                    "street": tuple((base / file).resolve() for file in data.street),
                    "cutouts": at(data.cutouts),
                    "coco": at(data.coco),
                }
            ),
        }
    )
