"""`vision replay`, `vision statistics` and `vision import`: the record looked at and filled from the command line."""

import re
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from vision.config.replay import ReplayConfig
from vision.config.schema import CityConfig, load, problems
from vision.config.yaml_file import read_yaml
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError, NotThereError
from vision.hub.replay import Report, Story
from vision.storage.database import Database
from vision.storage.registry import Registry

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The city's YAML file.")]
Since = Annotated[str, typer.Option("--since", metavar="SPAN", help="How far back: 90m, 12h, 7d.")]
Districts = Annotated[list[str] | None, typer.Option("--district", help="Only this district; may be given again.")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_MOST_TOLD = 40


def replay(
    config: ConfigFile,
    rules: Annotated[Path, typer.Option("--rules", metavar="FILE", help="What would be otherwise.")],
    since: Since = "7d",
    district: Districts = None,
) -> None:
    """Play kept findings again under other rules: which incidents would appear, vanish or move."""
    from vision.hub.build import build_calendar, build_contacts, build_ladders, build_plan, build_zone_ladders, retimed
    from vision.hub.replay import replay as play
    from vision.hub.suppressions import Suppressions
    from vision.hub.surroundings import CitySurroundings

    city = load(config)
    trial = _rules(rules)
    ladders = trial.incidents or city.incidents
    clock = SystemClock()
    database = _database(city)
    try:
        registry = Registry(database, clock)
        now = clock.now()
        plan = build_plan(trial, now - span(since), now, tuple(district or ()))
        cameras = retimed(registry.cameras().values(), trial)
        around = CitySurroundings(
            lambda: cameras,
            build_ladders(ladders),
            build_zone_ladders(ladders),
            contacts=lambda: build_contacts(city, registry),
            calendar=build_calendar(city),
            loudspeakers=registry.speakers,
            suppression_list=Suppressions(database, clock).relevant,
        )
        around.refresh()
        _tell(play(database, around, plan))
    finally:
        database.close()


def _tell(report: Report) -> None:
    print(
        f"{report.runs} runs of findings; {len(report.before)} incidents then, {len(report.after)} under these rules: "
        f"{len(report.same)} the same, {len(report.moved)} moved, {len(report.vanish)} gone, {len(report.appear)} new"
    )
    for name, stories in (("gone", report.vanish), ("moved", [was for was, _ in report.moved])):
        if stories:
            said = report.verdicts(stories)
            print(f"  of the {name}, operators had confirmed {said['confirm']} and rejected {said['reject']}")
    for mark, stories in (("-", report.vanish), ("+", report.appear)):
        for story in sorted(stories, key=lambda one: one.confirmed_at)[:_MOST_TOLD]:
            print(f"{mark} {_line(story)}")
    for was, would in report.moved[:_MOST_TOLD]:
        print(f"~ {_line(was)} -> {would.confirmed_at:%H:%M:%S}, {'filed' if would.filed else 'not filed'}")


def _line(story: Story) -> str:
    camera, _view, zone = story.sites[0]
    said = {"confirm": ", confirmed", "reject": ", rejected"}.get(story.verdict or "", "")
    filed = "filed" if story.filed else "not filed"
    return f"{story.confirmed_at:%Y-%m-%d %H:%M:%S} {camera}/{zone} {story.type.value} {filed}{said}"


def statistics(
    config: ConfigFile,
    table: Annotated[
        str,
        typer.Option(help="total, type, trend, hour, grid, shop, camera, cell, bay, bay_hour, incidents…"),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .csv or .parquet file; CSV here if unset.")
    ] = None,
    since: Since = "30d",
    district: Districts = None,
    all_cases: Annotated[int | None, typer.Option(help="Cases from every source, for the AI share.")] = None,
) -> None:
    """Write one table of statistics as CSV or Parquet."""
    from vision.hub.bays import bay_tables
    from vision.hub.statistics import items, tables, to_csv, to_parquet

    city = load(config)
    database = _database(city)
    try:
        length = span(since)
        until = SystemClock().now()
        with database.reading() as session:
            found = items(session, until - length, until, district or ())
            bays = bay_tables(session, until - length, until, city.zone_info, district or ())
    finally:
        database.close()
    made = tables(found, length.total_seconds() / 86_400, city.zone_info, all_cases=all_cases) | bays
    if table not in made:
        raise ConfigError(f"there is no table {table}; there are {', '.join(made)}")
    if out is None:
        sys.stdout.write(to_csv(made[table]).lstrip("\ufeff"))
    elif out.suffix == ".parquet":
        out.write_bytes(to_parquet(made[table]))
    else:
        out.write_text(to_csv(made[table]), encoding="utf-8")


def report(
    config: ConfigFile,
    day: Annotated[str, typer.Option(help="The local day, such as 2026-07-01; yesterday if unset.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The PDF; report-DAY.pdf here if unset.")] = None,
    language: Annotated[str, typer.Option(help="zh or en; the city's if unset.")] = "",
    district: Districts = None,
) -> None:
    """Write a day's report as PDF: incidents, precision, times, rankings, loudspeakers; a page for each district."""
    from vision.hub.build import build_spoken_grace
    from vision.hub.daily import DayBook
    from vision.hub.daily_pdf import printed

    city, clock = load(config), SystemClock()
    database = _database(city)
    try:
        registry, grace_s = Registry(database, clock), build_spoken_grace(city.incidents)
        book = DayBook(database, registry, clock, city=city.name, zone=city.zone_info, grace_s=grace_s)
        try:
            wanted = date.fromisoformat(day) if day else book.today() - timedelta(days=1)
        except ValueError:
            raise ConfigError(f"--day: should be a date such as 2026-07-01 (got {day})") from None
        data = printed(book.count(wanted, district or ()), language or city.language)
    finally:
        database.close()
    file = out or Path(f"report-{wanted}.pdf")
    file.write_bytes(data)
    print(f"{file}: {len(data) // 1024} KiB")


def import_register(
    config: ConfigFile,
    kind: Annotated[str, typer.Argument(help="shop, grid or bike_operator.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, or GeoJSON when its name says so.")],
) -> None:
    """Bring shops, grids or bike operators into the register; every bad row is told and the others are taken."""
    from vision.hub.imports import read_csv, read_geojson

    city = load(config)
    if not file.is_file():
        raise NotThereError(f"there is no file {file}")
    read = read_geojson if file.suffix in {".json", ".geojson"} else read_csv
    found = read(kind, file.read_text(encoding="utf-8-sig"), file.name)
    database = _database(city)
    try:
        registry = Registry(database, SystemClock())
        changed = sum(registry.put(kind, key, document, by="import") for key, document in found.documents.items())
    finally:
        database.close()
    for problem in found.problems:
        print(problem, file=sys.stderr)
    print(
        f"{file.name}: {len(found.documents)} taken, {changed} of them new or changed, {len(found.problems)} problems"
    )
    if found.problems:
        raise typer.Exit(1)


def span(text: str) -> timedelta:
    """`90m`, `12h` or `7d`; raises ConfigError."""
    match = re.fullmatch(r"(\d+)([mhd])", text)
    if match is None or int(match[1]) == 0:
        raise ConfigError(f"a span reads 90m, 12h or 7d, got {text}")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _database(city: CityConfig) -> Database:
    database = Database(city.database_url)
    database.migrate()
    return database


def _rules(path: Path) -> ReplayConfig:
    """Raises ConfigError with every mistake and its line, and NotThereError."""
    file = read_yaml(path)
    try:
        return ReplayConfig.model_validate({} if file.values is None else file.values)
    except ValidationError as error:
        raise ConfigError(*problems(error, file)) from None
