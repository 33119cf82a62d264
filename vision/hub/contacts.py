"""Whom the city's registers name for a place, and which notifier can reach them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vision.core.findings import ViolationType, Why
from vision.core.templates import names_in
from vision.hub.places import Place
from vision.incidents.ladder import Rung
from vision.incidents.responsible import Party, PartyKind, Reach

Documents = Mapping[str, Mapping[str, Any]]
_ADDRESS = {"phone": "phone", "email": "email", "shop_phone": "phone", "shop_email": "email"}


def needs_of(to: str) -> frozenset[str]:
    """Which of phone and email a notifier's recipient template asks of whoever is told; none for a fixed address."""
    return frozenset(_ADDRESS[name] for name in names_in(to) if name in _ADDRESS)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The registers of shops and bike operators, and what each notifier needs to know of a party.

    Attributes:
        shops, operators: documents by id (config.places).
        notifiers: by id, the fields of a party that its recipient is made of (`needs_of`).
    """

    shops: Documents = field(default_factory=dict)
    operators: Documents = field(default_factory=dict)
    notifiers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def shops_by_zone(self) -> dict[str, str]:
        """Shop ids by the `camera/zone` of their threshold."""
        return {str(shop["zone"]): key for key, shop in self.shops.items() if shop.get("zone")}

    def reach(self, type_: ViolationType, place: Place | None, rung: Rung) -> Reach:
        """Who can be told of such a violation at the place, and who instead."""
        if type_ is ViolationType.BIKE_MISPARKED:
            concerned, lacking = self._operators("" if place is None else place.district, rung)
        else:
            concerned, lacking = self._shop(None if place is None else place.zone.shop_id, rung)
        return Reach(concerned, tuple(self._instead(place, rung)), lacking)

    def _shop(self, shop_id: str | None, rung: Rung) -> tuple[tuple[Party, ...], Why]:
        if not shop_id:
            return (), Why("此处未登记商户", "No shop is registered for this place")
        shop = self.shops.get(shop_id)
        if shop is None:
            return (), Why(f"商户 {shop_id} 不在登记册中", f"Shop {shop_id} is not in the register")
        party = _party(PartyKind.SHOP, shop_id, shop, rung.target)
        if self._addressed(party):
            return (party,), Why("", "")
        return (), _no_address(party)

    def _operators(self, district: str, rung: Rung) -> tuple[tuple[Party, ...], Why]:
        here = [
            (_party(PartyKind.BIKE_OPERATOR, key, row, row.get("notifier") or rung.target), bool(row.get("notifier")))
            for key, row in self.operators.items()
            if not row.get("districts") or district in row["districts"]
        ]
        if not here:
            return (), Why("该区域未登记单车运营企业", "No bike operator is registered for this district")
        told = tuple(party for party, own in here if self._addressed(party, own_line=own))
        return told, Why("", "") if told else _no_address(here[0][0])

    def _instead(self, place: Place | None, rung: Rung) -> Iterable[Party]:
        """The department that answers for the grid, then the rung's fallback, then its own notifier's fixed address."""
        answers = None if place is None else place.responsible
        if answers is not None and answers.department:
            for notifier in dict.fromkeys((rung.target, rung.fallback)):
                party = Party(
                    PartyKind.DEPARTMENT,
                    answers.grid_id,
                    answers.department,
                    notifier,
                    phone=answers.department_phone,
                    email=answers.department_email,
                )
                if self._addressed(party):
                    yield party
                    break
        for notifier in dict.fromkeys((rung.fallback, rung.target)):
            if notifier in self.notifiers and not self.notifiers[notifier]:
                yield Party(PartyKind.NOTIFIER, notifier, notifier, notifier)

    def _addressed(self, party: Party, *, own_line: bool = False) -> bool:
        """Whether its notifier is there and knows where to send; a fixed address is only somebody's `own_line`."""
        needs = self.notifiers.get(party.notifier)
        if needs is None:
            return False
        return all(getattr(party, name) for name in needs) if needs else own_line


def _party(kind: PartyKind, key: str, row: Mapping[str, Any], notifier: str) -> Party:
    return Party(
        kind,
        key,
        str(row.get("name") or key),
        notifier,
        keeper=str(row.get("keeper") or ""),
        phone=str(row.get("phone") or ""),
        email=str(row.get("email") or ""),
    )


def _no_address(party: Party) -> Why:
    words = party.words
    return Why(f"{words.zh}没有可用的联系方式", f"{words.en[:1].upper()}{words.en[1:]} has no address that can be used")
