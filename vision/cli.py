"""The command line: thin, one function a command, errors as one sentence and an exit code."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vision import __version__, cli_evidence, cli_hub, cli_models, cli_ops
from vision.core.errors import ConfigError, NotThereError, StreetwardError
from vision.core.registry import redact_url
from vision.doctor import Part

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Streetward: video monitoring for cities.",
)
config_app = typer.Typer(no_args_is_help=True, help="The configuration file's own description.")
sandbox_app = typer.Typer(no_args_is_help=True, help="Stand-ins for a street, a city platform and a loudspeaker.")
app.add_typer(config_app, name="config")
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_evidence.app, name="evidence")
app.add_typer(sandbox_app, name="sandbox")
app.command("replay")(cli_hub.replay)
app.command("statistics")(cli_hub.statistics)
app.command("report")(cli_hub.report)
app.command("import")(cli_hub.import_register)
app.command("alive")(cli_ops.alive)
app.command("backup")(cli_ops.backup)
app.command("restore")(cli_ops.restore)
app.command("plan")(cli_ops.plan)


ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The city's YAML file.")]


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


@app.command()
def check(config: ConfigFile) -> None:
    """Report every mistake of a configuration file at once, with file and line."""
    from vision.config.schema import load

    city = load(config)
    zones = sum(len(view.zones) for camera in city.cameras.items() for view in camera[1].to_core(camera[0]).views)
    print(f"{config}: {len(city.cameras)} cameras, {zones} zones, {len(city.speakers)} speakers, no mistake")


@app.command()
def doctor(
    config: ConfigFile,
    part: Annotated[Part, typer.Option(help="What shall run here; checks nothing that another machine has to do.")] = (
        Part.ALL
    ),
    redis: Annotated[
        str | None, typer.Option(envvar="STREETWARD_REDIS", help="Redis URL of a worker, before the file's.")
    ] = None,
) -> None:
    """Say what works on this machine: model, GPU, codecs, port, disk, clock, servers, each camera's stream."""
    from vision.config.schema import load
    from vision.doctor import Verdict, examine

    mark = {Verdict.WORKS: "ok  ", Verdict.CARE: "care", Verdict.FAILS: "FAIL"}
    failed = False
    city = load(config)
    if part is Part.WORKER and redis is not None:
        city = city.model_copy(update={"redis": redis})
    for check in examine(city, part):
        print(f"{mark[check.verdict]}  {check.what}: {check.sentence}", flush=True)
        failed |= check.verdict is Verdict.FAILS
    if failed:
        raise typer.Exit(1)


@app.command()
def up(config: ConfigFile) -> None:
    """Run everything on this machine: hub, page, worker, embedded Valkey and SQLite unless servers are named."""
    from vision.app.up import run_up
    from vision.logs import configure

    configure(process="hub")
    run_up(config)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where footage, database and evidence go.")] = Path("var/demo"),
    footage: Annotated[Path | None, typer.Option(metavar="DIR", help="Clips of one's own, each one camera.")] = None,
    port: Annotated[int, typer.Option(help="Port of the page.")] = 8000,
    model: Annotated[str, typer.Option(help="Model in the catalogue, or a file.")] = "street-n",
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the last demo's incidents.")] = False,
    seconds: Annotated[float | None, typer.Option(help="End by itself after so long.")] = None,
) -> None:
    """Show the main job: simulated cameras, worker, hub, page, sandbox city platform, virtual loudspeaker."""
    from vision.app.demo import run_demo
    from vision.logs import configure

    configure(process="hub", level="warning")
    run_demo(folder, footage=footage, port=port, model=model, keep=keep, for_s=seconds)


@app.command()
def hub(config: ConfigFile) -> None:
    """Run the hub alone: incidents, outbox, page and API; workers meet it on the Redis named in the file."""
    from vision.app.up import run_hub
    from vision.logs import configure

    configure(process="hub")
    run_hub(config)


@app.command()
def cluster(
    config: ConfigFile,
    workers: Annotated[int, typer.Option(min=1, help="How many workers.")] = 2,
    address: Annotated[str | None, typer.Option(help="Ray cluster to join; one is begun here if unset.")] = None,
    cpus: Annotated[float, typer.Option(help="CPUs that each worker takes.")] = 1.0,
    gpus: Annotated[float, typer.Option(help="Share of a GPU that each worker takes.")] = 0.0,
) -> None:
    """Run workers on Ray: placed where resources are, restarted when they or their machine die."""
    from vision.app.cluster import run_cluster
    from vision.logs import configure

    configure(process="cluster")
    run_cluster(config, workers=workers, address=address, cpus=cpus, gpus=gpus)


@app.command()
def worker(
    config: ConfigFile,
    redis: Annotated[str | None, typer.Option(envvar="STREETWARD_REDIS", help="Redis URL, before the file's.")] = None,
    name: Annotated[
        str, typer.Option(envvar="STREETWARD_WORKER", help="How it signs; every worker needs a name of its own.")
    ] = "worker-1",
    log_level: Annotated[LogLevel, typer.Option(help="Least grave events that are logged.")] = LogLevel.INFO,
) -> None:
    """Watch cameras and send findings; the hub says which cameras."""
    from vision.app.worker import run_worker
    from vision.logs import configure

    configure(process=name, level=log_level)
    run_worker(config, redis, name)


@app.command()
def train(
    recipe: Annotated[Path, typer.Option(metavar="FILE", help="The training recipe.")] = Path(
        "configs/train/street-n.yaml"
    ),
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where weights, plots and the model card go.")] = Path(
        "runs/train"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint under --out.")] = False,
) -> None:
    """Train a model by a recipe; leave weights, an int8 model, plots, a model card and a catalogue entry."""
    try:
        from vision.training.train import train as run
    except ModuleNotFoundError as error:
        raise NotThereError(f"training needs {error.name}: pip install 'streetward[train]'") from None

    made = run(recipe, out, resume)
    print(f"{out}: mAP50 {made.garbage.map50:.3f}, mAP50-95 {made.garbage.map50_95:.3f} after {made.batches} batches")


_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@sandbox_app.command(context_settings=_PASSED_ON)
def cameras(context: typer.Context) -> None:
    """Serve clips as RTSP cameras."""
    from vision.sandbox.cameras import main as serve

    sys.argv = ["vision sandbox cameras", *context.args]
    typer.run(serve)


@sandbox_app.command(context_settings=_PASSED_ON)
def platform(context: typer.Context) -> None:
    """Run the sandbox city platform."""
    from vision.sandbox.platform import main as serve

    serve(context.args)


@sandbox_app.command(context_settings=_PASSED_ON)
def speaker(context: typer.Context) -> None:
    """Run the virtual loudspeaker."""
    from vision.sandbox.speaker import main as serve

    sys.argv = ["vision sandbox speaker", *context.args]
    serve()


@config_app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors."""
    from vision.config.reference import json_schema

    print(json_schema(), end="")


@config_app.command()
def reference() -> None:
    """Print the reference of every setting as Markdown."""
    from vision.config.reference import markdown

    print(markdown(), end="")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context, name: str) -> None:
    """Run a benchmark: ingest, detect, accuracy, events, inject, hub, cases, cluster, plan or end_to_end.

    Everything after the name goes to the benchmark; `vision bench NAME --help` lists it.
    """
    from vision.benchmarks import run

    raise typer.Exit(run(name, context.args))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"streetward {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Streetward: video monitoring for cities."""


def main() -> None:
    """Run a command; every error of ours ends as one sentence on stderr and its exit code."""
    try:
        app(standalone_mode=True)
    except StreetwardError as error:
        lead = "" if isinstance(error, ConfigError) else "vision: "
        print(f"{lead}{redact_url(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
