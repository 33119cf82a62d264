"""`vision models`: list, pull, verify and export."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from vision.core.errors import ConfigError, ModelFileError

app = typer.Typer(
    no_args_is_help=True, help="The models that detect: what there is, whether it is whole, other formats."
)

CatalogueFile = Annotated[Path | None, typer.Option("--catalogue", metavar="FILE", help="A models.yaml of one's own.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names in the catalogue; all without.")]


@app.command("list")
def list_models(catalogue: CatalogueFile = None) -> None:
    """Show every model with its licence, input size, whether its files are here, and its measured accuracy."""
    from vision.detectors import catalogue as models

    file = catalogue or models.CATALOGUE_FILE
    found = models.read_catalogue(file)
    for name, entry in found.models.items():
        missing = [path for path in entry.files if not (file.parent / path).is_file()]
        state = "here" if not missing else f"{len(missing)} of {len(entry.files)} files missing"
        height, width = entry.input_px
        default = " (default)" if name == found.default else ""
        print(f"{name} {entry.version}{default}: {entry.summary or 'no summary'}")
        print(f"    {', '.join(entry.backends)}; {height}×{width} px; {entry.licence}; {state}")
        for data, figures in entry.accuracy.items():
            print(f"    {data}: {', '.join(f'{figure} {value:.3f}' for figure, value in figures.items())}")


@app.command()
def pull(names: Names = None, catalogue: CatalogueFile = None) -> None:
    """Fetch the files of models that are missing or damaged, and check each against its digest."""
    from vision.detectors import catalogue as models
    from vision.detectors.download import Wanted, fetch
    from vision.detectors.modelfile import check_file

    listed = catalogue or models.CATALOGUE_FILE
    found = models.read_catalogue(listed)
    fetched = 0
    for name in names or found.models:
        for path, entry in models.model_entry(found, name).files.items():
            file = listed.parent / path
            try:
                check_file(file, entry.sha256)
                continue
            except ModelFileError:
                if entry.url is None:
                    raise
            fetch(Wanted(entry.url, entry.sha256, entry.bytes), file, _progress(path))
            fetched += 1
            print(f"{path}: fetched, {entry.bytes / 1e6:.1f} MB")
    print(f"{fetched} files fetched, the others were here and whole")


@app.command()
def verify(names: Names = None, catalogue: CatalogueFile = None) -> None:
    """Check every file against its digest; one sentence for each that is missing or changed."""
    from vision.detectors import catalogue as models

    file = catalogue or models.CATALOGUE_FILE
    found = models.read_catalogue(file)
    problems = models.verify(found, file.parent, names or ())
    if problems:
        raise ModelFileError("\n".join(problems))
    print(f"{', '.join(names or found.models)}: every file is whole")


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="A .pt file, or a name in the catalogue that has one.")],
    folder: Annotated[Path, typer.Argument(help="Where the model and its metadata.yaml are written.")],
    to: Annotated[str, typer.Option(help="openvino or onnx.")] = "openvino",
    size: Annotated[str, typer.Option(metavar="HxW", help="Input size in pixels, multiples of 32.")] = "640x640",
    calibrate: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Pictures to quantise to int8 with (OpenVINO).")
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help="How many of them at most.")] = 300,
    catalogue: CatalogueFile = None,
) -> None:
    """Write a PyTorch model as OpenVINO or ONNX, in int8 with `--calibrate`."""
    from vision.detectors import catalogue as models

    spec = models.find_spec(model, "cuda", catalogue or models.CATALOGUE_FILE)  # the file a GPU would run is the .pt
    input_px = _size(size)
    files = [] if calibrate is None else _pictures(calibrate, pictures)
    models.require_backend("ultralytics")
    from vision.detectors.export import export as write

    print(write(spec, folder, to=to, input_px=input_px, calibration=files))


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not all(side.isdigit() and int(side) > 0 and int(side) % 32 == 0 for side in (height, width)):
        raise ConfigError(f"--size should be HxW in multiples of 32, like 384x640 (got {text})")
    return int(height), int(width)


def _pictures(folder: Path, count: int) -> list[Path]:
    """Evenly spread over the folder, so that neighbours of one series do not make up the whole."""
    if not folder.is_dir():
        raise ModelFileError(f"{folder}: this folder of calibration pictures is not there")
    files = sorted(one for one in folder.iterdir() if one.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".bmp"})
    if not files:
        raise ModelFileError(f"{folder}: holds no pictures to calibrate with")
    step = max(1, len(files) // count)
    return files[::step][:count]


def _progress(path: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{path}: {100 * done // total} %", end="" if done < total else "\n", file=sys.stderr, flush=True)

    return show
