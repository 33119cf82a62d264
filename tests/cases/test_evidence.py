"""Packages from real rows and pictures: sealed, exported, tampered with, verified."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest

from tests.cases.conftest import Outbox
from tests.databases import new_database
from vision.cases.evidence.blur import blurred
from vision.cases.evidence.export import Exporter
from vision.cases.evidence.sealing import Sealer, chain
from vision.cases.evidence.verify import check_sealed, verify
from vision.core.errors import NotThereError, StorageError
from vision.storage.tables import CaseRow, EvidenceRow, IncidentRow, LogRow, ManifestRow
from vision.testing import ManualClock, MemoryBlobs


def picture(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", noise)[1])


class Store:
    """Incidents with evidence, a case and a log."""

    def __init__(self, outbox: Outbox, folder: Path) -> None:
        self.outbox, self.folder = outbox, folder
        self.blobs = MemoryBlobs()
        self.sealer = Sealer(outbox.database, outbox.clock)
        self.exporter = Exporter(outbox.database, self.blobs, self.sealer)

    def incident(self, name: str, *, status: str = "filed", roles: tuple[str, ...] = ("original", "annotated")) -> str:
        self.outbox.incident(
            name, status=status, confirmed_at=self.outbox.clock.now(), verdict="confirm", verdict_by="operator:王"
        )
        now = self.outbox.clock.now()
        for number, role in enumerate(roles):
            self.evidence(name, role, number)
        with self.outbox.database.transaction() as session:
            session.add(
                CaseRow(
                    incident_id=name,
                    platform="city",
                    platform_case_id=f"SB-{name}",
                    status="filed",
                    filed_at=now,
                    detail={},
                )
            )
            session.add(
                LogRow(
                    incident_id=name,
                    seq=1,
                    from_status=None,
                    to_status="suspected",
                    cause="seen",
                    actor="camera:gate",
                    scene_at=now,
                    wall_at=now,
                    text_zh="发现垃圾",
                    text_en="rubbish seen",
                    detail={},
                )
            )
        return name

    def evidence(self, incident: str, role: str, number: int) -> None:
        data = picture(crc32(f"{incident}{role}".encode()))
        key = f"2026/07/01/gate/{incident}-{role}-{number}.jpg"
        self.blobs.put(key, data, media_type="image/jpeg")
        now = self.outbox.clock.now()
        with self.outbox.database.transaction() as session:
            session.add(
                EvidenceRow(
                    id=key,
                    incident_id=incident,
                    role=role,
                    media_type="image/jpeg",
                    sha256=hashlib.sha256(data).hexdigest(),
                    size=len(data),
                    camera_id="gate",
                    view_id="main",
                    captured_at=now + timedelta(seconds=number),
                    time_source="camera",
                    received_at=now,
                    detail={"model": "street-n 1.0", "rules": "7"},
                )
            )

    def clip(self, incident: str, data: bytes) -> None:
        now = self.outbox.clock.now()
        self.blobs.put(f"{incident}.mp4", data, media_type="video/mp4")
        sha = hashlib.sha256(data).hexdigest()
        kind = {"role": "clip", "media_type": "video/mp4", "sha256": sha, "size": len(data)}
        seen = {"camera_id": "gate", "view_id": "main", "captured_at": now, "time_source": "camera"}
        with self.outbox.database.transaction() as session:
            session.add(EvidenceRow(id=f"{incident}.mp4", incident_id=incident, received_at=now, **kind, **seen))

    def export(self, name: str) -> Path:
        exported = self.exporter.export(name)
        path = self.folder / exported.name
        path.write_bytes(exported.data)
        return path


@pytest.fixture
def store(outbox: Outbox, tmp_path: Path) -> Store:
    return Store(outbox, tmp_path)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Three packages of one chain."""
    folder = tmp_path_factory.mktemp("packages")
    database = new_database(folder / "hub.db")
    store = Store(Outbox(database, ManualClock()), folder)
    yield [store.export(store.incident(f"inc-{n}")) for n in (1, 2, 3)]
    database.close()


def test_a_package_holds_the_originals_and_verifies(store: Store) -> None:
    path = store.export(store.incident("inc-1"))
    assert verify([path]).problems == []
    with zipfile.ZipFile(path) as archive:
        stored = {name: archive.read(name) for name in archive.namelist()}
    originals = {hashlib.sha256(data).hexdigest() for data in store.blobs.blobs.values()}
    assert {hashlib.sha256(data).hexdigest() for name, data in stored.items() if name.startswith("files/")} == originals
    manifest = json.loads(stored["manifest.json"])
    assert manifest["review"] == {"verdict": "confirm", "reviewer": "operator:王"}
    assert {file["uncertainty_s"] for file in manifest["files"]} == {1.0}
    assert {file["model"] for file in manifest["files"]} == {"street-n 1.0"}
    assert manifest["log"][0]["zh"] == "发现垃圾"
    assert stored["made/case.pdf"].startswith(b"%PDF")


def test_the_clip_is_sealed_and_goes_along_but_is_not_published(store: Store) -> None:
    name = store.incident("inc-1")
    store.clip(name, b"as the camera sent it")
    path = store.export(name)
    assert verify([path]).problems == []
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        (clip,) = (file for file in manifest["files"] if file["role"] == "clip")
        assert archive.read(clip["name"]) == b"as the camera sent it"
    published = store.exporter.export(name, publish=True)
    with zipfile.ZipFile(BytesIO(published.data)) as archive:
        assert not [entry for entry in archive.namelist() if entry.endswith(".mp4")]


def test_the_same_package_twice_is_the_same_bytes(store: Store) -> None:
    store.incident("inc-1")
    assert store.exporter.export("inc-1").data == store.exporter.export("inc-1").data


def test_nothing_is_sealed_twice_without_a_change(store: Store) -> None:
    store.incident("inc-1")
    assert store.sealer.run_once() == 1
    assert store.sealer.run_once() == 0
    assert store.sealer.seal("inc-1").seq == 1
    store.evidence("inc-1", "after", 9)
    with store.outbox.database.transaction() as session:
        incident = session.get_one(IncidentRow, "inc-1")
        incident.status, incident.version = "closed", incident.version + 1
    assert store.sealer.run_once() == 1
    assert store.sealer.seal("inc-1").seq == 2


Tamper = Callable[[dict[str, bytes]], None]


def alter_picture(contents: dict[str, bytes]) -> None:
    name = next(name for name in contents if name.startswith("files/original"))
    contents[name] = contents[name][:-1] + b"\x00"


def lose_picture(contents: dict[str, bytes]) -> None:
    del contents[next(name for name in contents if name.startswith("files/"))]


def add_picture(contents: dict[str, bytes]) -> None:
    contents["files/planted.jpg"] = b"planted"


def alter_manifest(contents: dict[str, bytes]) -> None:
    contents["manifest.json"] = contents["manifest.json"].replace("人民路".encode(), "中山路".encode())


def rehash(contents: dict[str, bytes]) -> None:
    """A forger who also mends the last link, but does not hold the other packages."""
    alter_manifest(contents)
    links = json.loads(contents["chain.json"])
    links[-1][2] = hashlib.sha256(contents["manifest.json"]).hexdigest()
    contents["chain.json"] = json.dumps(links).encode()


def cut_chain(contents: dict[str, bytes]) -> None:
    contents["chain.json"] = json.dumps(json.loads(contents["chain.json"])[1:]).encode()


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (alter_picture, "was altered"),
        (lose_picture, "is missing"),
        (add_picture, "is not in the manifest"),
        (alter_manifest, "manifest 2 was altered"),
        (rehash, "disagree on manifest 2"),
        (cut_chain, "manifest 1 is missing from the chain"),
    ],
)
def test_whatever_is_tampered_with_shows(packages: list[Path], tmp_path: Path, tamper: Tamper, words: str) -> None:
    paths = [Path(shutil.copy(path, tmp_path)) for path in packages]
    assert verify(paths).problems == []
    with zipfile.ZipFile(paths[1]) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    tamper(contents)
    with zipfile.ZipFile(paths[1], "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    problems = verify(paths).problems
    assert any(words in problem for problem in problems), problems


def test_what_is_no_package_is_told(tmp_path: Path) -> None:
    (tmp_path / "photo.zip").write_bytes(b"no zip")
    assert "cannot be read" in verify([tmp_path / "photo.zip"]).problems[0]
    with pytest.raises(NotThereError):
        verify([tmp_path / "nowhere.zip"])


def test_a_manifest_changed_in_the_record_shows(store: Store) -> None:
    for n in (1, 2, 3):
        store.sealer.seal(store.incident(f"inc-{n}"))
    with store.outbox.database.reading() as session:
        assert check_sealed(chain(session)) == []
    with store.outbox.database.transaction() as session:
        row = session.get_one(ManifestRow, 2)
        row.body = row.body.replace("人民路", "中山路")
    with store.outbox.database.reading() as session:
        assert check_sealed(chain(session)) == ["manifest 2 was altered: its text does not have its hash"]
    with store.outbox.database.transaction() as session:
        session.delete(session.get_one(ManifestRow, 2))
    with store.outbox.database.reading() as session:
        assert check_sealed(chain(session)) == ["manifest 2 is missing from the chain"]


def test_a_file_removed_after_its_retention_is_told(store: Store) -> None:
    path = store.export(store.incident("inc-1"))
    key = next(iter(store.blobs.blobs))
    store.blobs.delete(key)
    exported = store.exporter.export("inc-1")
    assert len(exported.missing) == 1
    path.write_bytes(exported.data)
    assert ["is missing" in problem for problem in verify([path]).problems] == [True]


def test_a_published_package_holds_no_original(store: Store) -> None:
    store.incident("inc-1")
    before = dict(store.blobs.blobs)
    exported = store.exporter.export("inc-1", publish=True)
    with zipfile.ZipFile(BytesIO(exported.data)) as archive:
        assert all(name.startswith("made/") for name in archive.namelist())
        assert not set(before.values()) & {archive.read(name) for name in archive.namelist()}
    assert store.blobs.blobs == before


def test_regions_are_hidden_and_the_rest_is_left(store: Store) -> None:
    data = picture(3)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    copy = cv2.imdecode(np.frombuffer(blurred(data, lambda _image: [(100, 60, 180, 180)]), np.uint8), cv2.IMREAD_COLOR)
    assert copy is not None
    inside, outside = np.s_[60:180, 100:180], np.s_[:, 220:]
    assert float(copy[inside].std()) < 0.35 * float(image[inside].std())
    assert float(np.abs(copy[outside].astype(int) - image[outside].astype(int)).mean()) < 12
    whole = cv2.imdecode(np.frombuffer(blurred(data, None), np.uint8), cv2.IMREAD_COLOR)
    assert whole is not None
    assert float(whole.std()) < 0.5 * float(image.std())


@pytest.mark.parametrize("share", [0.0, 0.4, 0.99])
def test_a_picture_that_is_cut_off_is_not_published(share: float) -> None:
    data = picture(3)
    with pytest.raises(StorageError, match="cannot be decoded as a picture"):
        blurred(data[: int(len(data) * share)], None)
