"""The model card and the catalogue entry that a training writes beside its weights."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vision.training.recipe import Recipe

CARD = "MODEL_CARD.md"
ENTRY = "models.yaml"


def write(
    made: Mapping[str, Any], recipe: Recipe, metadata: Mapping[str, Any], files: Sequence[Path], out: Path
) -> None:
    """Write MODEL_CARD.md and models.yaml (a catalogue with the one model) under `out`."""
    (out / CARD).write_text(model_card(made, recipe, metadata), encoding="utf-8")
    catalogue = {"default": recipe.name, "models": {recipe.name: entry(made, recipe, files)}}
    (out / ENTRY).write_text(yaml.safe_dump(catalogue, sort_keys=False, allow_unicode=True), encoding="utf-8")


def entry(made: Mapping[str, Any], recipe: Recipe, files: Sequence[Path], folder: str = "") -> dict[str, Any]:
    """Return the model's entry for models.yaml, its files under `folder` (with a trailing slash, or empty)."""
    named = {
        f"{folder}{path.name}": {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        for path in files
    }
    figures = {"validation": _figures(made["garbage"]), "validation_int8": _figures(made["garbage_int8"])}
    if made["street"] is not None:
        figures["coco"] = _figures(made["street"], by_class=False)
        figures["coco_int8"] = _figures(made["street_int8"], by_class=False)
    return {
        "version": recipe.version,
        "licence": recipe.licence,
        "data": "; ".join(recipe.trained_on),
        "input_px": [recipe.imgsz, recipe.imgsz],
        "backends": {"openvino": f"{folder}{recipe.name}.xml", "ultralytics": f"{folder}{recipe.name}.pt"},
        "files": named,
        "accuracy": figures,
    }


def model_card(made: Mapping[str, Any], recipe: Recipe, metadata: Mapping[str, Any]) -> str:
    """Return the card's Markdown: what it sees, what it learned from, how well."""
    classes = "; ".join(f"{output['name']}: {len(output['classes'])} classes" for output in metadata["outputs"])
    lines = [
        f"# {recipe.name} {recipe.version}",
        "",
        f"Input {recipe.imgsz}×{recipe.imgsz}; {classes}. Licence {recipe.licence}.",
        "",
        "Trained on:",
        *(f"- {source}" for source in recipe.trained_on),
        "",
        f"{made['batches']} batches of {recipe.batch}, seed {recipe.seed}:",
        *(
            f"- {stage.batches} batches, trained: {stage.train}, learning rate {stage.learning_rate:g}"
            for stage in recipe.stages
        ),
        "",
        "| | mAP50 | mAP50-95 | by class (AP50) |",
        "|---|---|---|---|",
        _row("validation", made["garbage"]),
        _row("validation, int8", made["garbage_int8"]),
    ]
    for title, key in (
        ("COCO photographs", "street"),
        ("the same, int8", "street_int8"),
        ("base model", "base_street"),
    ):
        if made[key] is not None:
            lines.append(_row(title, made[key], by_class=False))
    return "\n".join([*lines, "", "The worst mistakes: `worst_mistakes.png`. Look at them before trusting it.", ""])


def _row(title: str, score: Mapping[str, Any], *, by_class: bool = True) -> str:
    each = ", ".join(f"{name} {value:.3f}" for name, value in score["ap50"].items()) if by_class else ""
    return f"| {title} | {score['map50']:.3f} | {score['map50_95']:.3f} | {each} |"


def _figures(score: Mapping[str, Any], *, by_class: bool = True) -> dict[str, float]:
    figures = {"map50": round(score["map50"], 4), "map50_95": round(score["map50_95"], 4)}
    if by_class:
        figures |= {f"map50_{name}": round(value, 4) for name, value in score["ap50"].items()}
    return figures
