"""Who can be told of a violation at a place."""

from vision.core.findings import ViolationType
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.hub.contacts import Contacts, needs_of
from vision.hub.places import GridIndex, Place, located
from vision.incidents.ladder import Action, Rung
from vision.incidents.responsible import PartyKind, masked

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
RUNG = Rung(Action.NOTIFY, 900.0, "sms", "duty")
NOTIFIERS = {"sms": frozenset({"phone"}), "duty": frozenset[str](), "own": frozenset[str]()}
GRID = {
    "kind": "grid",
    "department": "城管二中队",
    "department_phone": "021-5555",
    "area_class": "A",
    "parent": "east",
    "polygons": [[[121.0, 31.0], [121.1, 31.0], [121.1, 31.1]]],
}


def place(shop_id: str | None = None, grids: GridIndex | None = None, grid_id: str | None = None) -> Place:
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, shop_id=shop_id, grid_id=grid_id)
    view = View(zones=(zone,))
    return located(Camera("gate", "rtsp://x", district="east", views=(view,)), view, zone, None, grids)


def test_what_a_recipient_template_needs() -> None:
    assert needs_of("{shop_phone},{email}") == {"phone", "email"}
    assert needs_of("ops@bikes.example") == frozenset()


def test_operators_answer_for_their_districts_and_by_their_own_line() -> None:
    rows: dict[str, dict[str, object]] = {
        "a": {"name": "A", "phone": "1", "districts": ["east"]},
        "b": {"name": "B", "notifier": "own", "districts": []},
        "c": {"name": "C", "phone": "3", "districts": ["west"]},
        "d": {"name": "D"},
    }
    reach = Contacts(operators=rows, notifiers=NOTIFIERS).reach(ViolationType.BIKE_MISPARKED, place(), RUNG)
    assert [(party.name, party.notifier) for party in reach.concerned] == [("A", "sms"), ("B", "own")]


def test_a_fixed_address_is_nobodys_own() -> None:
    rung = Rung(Action.NOTIFY, 900.0, "duty")
    rows = {"a": {"name": "A", "phone": "1"}}
    reach = Contacts(operators=rows, notifiers=NOTIFIERS).reach(ViolationType.BIKE_MISPARKED, place(), rung)
    assert reach.concerned == ()
    assert [(party.kind, party.id) for party in reach.instead] == [(PartyKind.NOTIFIER, "duty")]
    assert "“A”" in reach.lacking.zh


def test_without_a_shop_the_department_of_the_grid_and_then_the_fallback() -> None:
    grids = GridIndex({"310101001001001": GRID})
    here = place(grids=grids, grid_id="310101001001001")
    reach = Contacts(notifiers=NOTIFIERS).reach(ViolationType.OUT_OF_STORE, here, RUNG)
    assert [(party.kind, party.name, party.notifier, party.phone) for party in reach.instead] == [
        (PartyKind.DEPARTMENT, "城管二中队", "sms", "021-5555"),
        (PartyKind.NOTIFIER, "duty", "duty", ""),
    ]
    assert reach.lacking.zh == "此处未登记商户"


def test_a_grids_department_comes_with_its_own_number_only() -> None:
    district = {"kind": "district", "department": "区局", "department_phone": "110", "polygons": GRID["polygons"]}
    silent = {key: value for key, value in GRID.items() if key != "department_phone"}
    found = GridIndex({"310101001001001": silent, "east": district}).of("310101001001001")
    assert found is not None
    assert (found.department, found.department_phone) == ("城管二中队", "")


def test_the_area_class_is_the_zones_own_else_its_grids() -> None:
    grids = GridIndex({"310101001001001": GRID})
    assert place(grids=grids).area_class == ""
    assert place(grids=grids, grid_id="310101001001001").area_class == "A"
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, grid_id="310101001001001", area_class="C")
    view = View(zones=(zone,))
    assert located(Camera("gate", "rtsp://x", views=(view,)), view, zone, None, grids).area_class == "C"


def test_logs_show_enough_of_an_address_to_know_it() -> None:
    assert masked("13812345678") == "138****5678"
    assert masked("duty@city.example") == "du***@city.example"
    assert masked("120") == "120"
