"""`vision alive`, `vision backup`, `vision restore`, `vision plan`: for whoever keeps the machines running."""

from pathlib import Path
from typing import Annotated

import typer

from vision.core.errors import ConfigError, NotThereError

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The city's YAML file.")]
Redis = Annotated[
    str | None, typer.Option("--redis", envvar="STREETWARD_REDIS", metavar="URL", help="Where the workers report.")
]


def alive(
    hub: Annotated[str | None, typer.Option(metavar="URL", help="A hub, such as http://127.0.0.1:8000.")] = None,
    worker: Annotated[
        str | None, typer.Option(envvar="STREETWARD_WORKER", metavar="NAME", help="A worker by its name.")
    ] = None,
    redis: Redis = None,
) -> None:
    """Say whether a hub or a worker is alive; for health checks. Exit code 0 when it is."""
    from vision.app.alive import hub_alive, worker_alive
    from vision.core.clock import SystemClock

    if hub is not None:
        print(hub_alive(hub))
    elif worker is not None and redis is not None:
        print(worker_alive(redis, worker, SystemClock()))
    else:
        raise ConfigError("say which: --hub URL, or --worker NAME and --redis URL")


def backup(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The archive to make; must not be there yet.")],
    evidence: Annotated[
        bool, typer.Option("--evidence", help="With the evidence itself, not its index alone.")
    ] = False,
) -> None:
    """Put database, configuration, signing key, models of one's own and evidence index into one archive."""
    from vision.backup.run import back_up
    from vision.config.schema import load
    from vision.core.clock import SystemClock

    made = back_up(load(config), config, out, SystemClock(), blobs=evidence)
    carried = "and the files themselves" if evidence else "without the files"
    print(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB, {made.manifest.database} at revision {made.manifest.revision}, "
        f"index of {made.evidence} evidence files {carried}"
    )


def restore(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What vision backup made.")],
    config: ConfigFile,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the archive's in the place of what is there.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Read the archive through, and change nothing.")] = False,
) -> None:
    """Bring a backup back: into an empty place, unless --replace is given. The hub must not run."""
    from vision.app.up import locked
    from vision.backup.archive import Archive
    from vision.backup.owner import give_to_folders_owner, made_for_the_service
    from vision.backup.run import CONFIG_MEMBER, restored_folders
    from vision.backup.run import restore as bring_back
    from vision.config.schema import load

    found = Archive(archive)
    told = found.manifest
    print(f"{archive}: whole; {told.city}, {told.made_at}, Streetward {told.product}, {len(told.members)} files")
    if check:
        return
    if not config.exists():
        found.extract(CONFIG_MEMBER, config)
        config.chmod(0o640)  # readable by its folder's group: the service's, where deploy/systemd is followed
        give_to_folders_owner(config)
        print(f"{config}: taken from the archive")
    city = load(config)
    with made_for_the_service(restored_folders(city)), locked(city):
        done = bring_back(found, city, replace=replace)
    print(f"restored; of {done.evidence} evidence files the store lacks {done.missing}")
    if done.missing:
        raise NotThereError(f"{done.missing} evidence files are not in {city.evidence_url}: copy them there as well")


def plan(
    cameras: Annotated[Path, typer.Option(metavar="FILE", help="CSV: a camera a row, or a group with `cameras`.")],
    sampling: Annotated[
        str, typer.Option(help="Seconds between looks where the file has none: 10, or live=10,patrol=1800,snapshot=60.")
    ] = "",
    gpu: Annotated[bool, typer.Option("--gpu", help="Detect on GPUs; without it on CPUs.")] = False,
    headroom: Annotated[float, typer.Option(min=0, max=0.9, help="Share of cores and memory that stays free.")] = 0.4,
    worker_cores: Annotated[float, typer.Option(min=0.5, help="Cores that one worker gets at most.")] = 4.0,
    incidents_per_camera_day: Annotated[float, typer.Option(min=0, help="Incidents a camera sees in a day.")] = 0.1,
    evidence_days: Annotated[float, typer.Option(min=0, help="Days for which evidence is kept.")] = 365.0,
    outage_min: Annotated[float, typer.Option(min=0, help="Minutes of findings that Redis holds without a hub.")] = 30,
    spare: Annotated[int, typer.Option(min=0, help="Workers and hubs more, for when one dies.")] = 1,
    costs: Annotated[Path | None, typer.Option(metavar="FILE", help="Unit costs of one's own machines.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say how many workers, hubs, cores, GPUs, Gbit/s and GB a city takes, from measured unit costs."""
    from vision.plan.cameras import read_cameras
    from vision.plan.cameras import sampling as read_sampling
    from vision.plan.costs import COSTS_FILE, load_costs
    from vision.plan.model import Wishes
    from vision.plan.model import plan as work_out
    from vision.plan.report import as_table, as_text

    known = load_costs(costs or COSTS_FILE)
    wishes = Wishes(
        headroom=headroom,
        worker_cores=worker_cores,
        incidents_per_camera_day=incidents_per_camera_day,
        evidence_days=evidence_days,
        outage_min=outage_min,
        gpu=gpu,
        spare=spare,
    )
    made = work_out(read_cameras(cameras, read_sampling(sampling)), known, wishes)
    print(as_text(made, wishes, known) if as_json else as_table(made, wishes, known), end="")
