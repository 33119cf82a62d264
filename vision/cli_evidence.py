"""`vision evidence`: check packages offline, and make them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vision.config.schema import CityConfig, load
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError

if TYPE_CHECKING:
    from vision.cases.evidence.blur import Image, Regions
    from vision.storage.database import Database

app = typer.Typer(no_args_is_help=True, help="Evidence packages: check them offline, make them.")
# A bicycle tells of nobody, and is often the very thing to be shown; whoever rides it is a person.
HIDDEN = ("person", "motorcycle", "car", "bus", "truck", "tricycle", "e-bike")
_SCORE = 0.10  # rather hide too much than a face too few

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="The city's YAML file.")]


@app.command("verify")
def verify_command(
    packages: Annotated[list[Path] | None, typer.Argument(metavar="PACKAGE...", help="ZIP files or folders.")] = None,
    config: ConfigFile = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON.")] = False,
) -> None:
    """Check that nothing is missing or altered: packages without any server, a centre's whole chain with --config."""
    from vision.cases.evidence.sealing import chain
    from vision.cases.evidence.verify import check_sealed, verify

    if not packages and config is None:
        raise ConfigError("name packages to check, or a city's file with --config")
    found = verify(packages or [])
    problems, manifests = list(found.problems), found.manifests
    if config is not None:
        with _record(load(config)) as database, database.reading() as session:
            kept = chain(session)
            manifests += len(kept)
            problems += check_sealed(kept)
    if as_json:
        print(json.dumps({"manifests": manifests, "files": found.files, "problems": problems}, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem)
        print(f"{manifests} manifests, {found.files} files: {_verdict(len(problems))}")
    raise typer.Exit(1 if problems else 0)


@app.command()
def export(
    incidents: Annotated[list[str], typer.Argument(metavar="INCIDENT...", help="Incidents by id.")],
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The city's YAML file.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where packages go.")] = Path(),
    *,
    publish: Annotated[bool, typer.Option(help="Blurred copies only, for publication; no original leaves.")] = False,
    pdf: Annotated[bool, typer.Option(help="The printed page alone.")] = False,
) -> None:
    """Make evidence packages: originals, manifest, chain and printed page, or a blurred set for publication."""
    from vision.cases.evidence.export import Exporter
    from vision.cases.evidence.sealing import Sealer
    from vision.storage.blobs import ObjectBlobs

    city = load(config)
    out.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    with _record(city) as database:
        blobs = ObjectBlobs(city.evidence_url)
        regions = _regions(city) if publish else None
        exporter = Exporter(database, blobs, Sealer(database, clock), regions)
        for incident in incidents:
            if pdf and not publish:
                path = out / f"{incident}.pdf"
                path.write_bytes(exporter.pdf(incident))
                print(path)
                continue
            package = exporter.export(incident, publish=publish)
            path = out / package.name
            path.write_bytes(package.data)
            gone = f" ({len(package.missing)} files were removed after their retention)" if package.missing else ""
            print(f"{path}{gone}")


@contextmanager
def _record(city: CityConfig) -> Iterator["Database"]:
    from vision.storage.database import Database

    database = Database(city.database_url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def _regions(city: CityConfig) -> "Regions | None":
    """People and vehicles as the city's own detector sees them, at a low threshold; None if it knows no people.

    Raises:
        NotThereError: the model's file is missing.
    """
    import numpy as np

    from vision.app.worker import detector_of

    eager = city.detection.model_copy(update={"score": _SCORE})
    detector = detector_of(city.model_copy(update={"detection": eager}))
    if "person" not in detector.names:
        return None

    def regions(image: "Image") -> list[tuple[float, float, float, float]]:
        (found,) = detector.detect([image])
        boxes = np.asarray(found.of(*HIDDEN).xyxy, np.float64)
        return [(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in boxes]

    return regions


def _verdict(problems: int) -> str:
    return "nothing missing, nothing altered" if not problems else f"{problems} problem{'s' if problems > 1 else ''}"
