"""Who answers for a place and can be told: the shop, the bike operators, else the department or a fixed address."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vision.core.findings import Why

_NOTHING = Why("", "")


class PartyKind(StrEnum):
    SHOP = "shop"
    BIKE_OPERATOR = "bike_operator"
    DEPARTMENT = "department"
    NOTIFIER = "notifier"  # the fixed address of a notifier: whoever reads it


@dataclass(frozen=True, slots=True)
class Party:
    """One who can be told.

    Attributes:
        id: of the register's row; the grid's for a department.
        notifier: which notifier carries the notice.
        keeper: the person who answers for a shop.
        phone, email: as registered; which of them is used is the notifier's affair.
    """

    kind: PartyKind
    id: str
    name: str
    notifier: str
    keeper: str = ""
    phone: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """Tells parties of one incident apart."""
        return f"{self.kind.value}:{self.id}:{self.notifier}"

    @property
    def words(self) -> Why:
        """For sentences: what it is, its name, who answers for it."""
        kind = _KINDS[self.kind]
        person = (f"({self.keeper})", f" ({self.keeper})") if self.keeper else ("", "")
        return Why(f"{kind.zh}“{self.name}”{person[0]}", f'{kind.en} "{self.name}"{person[1]}')

    def to_record(self) -> dict[str, str]:
        """Plain JSON values, for the outbox."""
        return {
            "key": self.key,
            "kind": self.kind.value,
            "id": self.id,
            "name": self.name,
            "keeper": self.keeper,
            "phone": self.phone,
            "email": self.email,
        }


@dataclass(frozen=True, slots=True)
class Reach:
    """Who can be told of a violation at a place.

    Attributes:
        concerned: those who answer for it and have an address that a notifier can use; all of them are told.
        instead: others, told one after another when none of those can be.
        lacking: a clause that says why nobody concerned can be told; empty when somebody can.
    """

    concerned: tuple[Party, ...] = ()
    instead: tuple[Party, ...] = ()
    lacking: Why = _NOTHING


def masked(address: str) -> str:
    """A telephone number or mail address as logs show it: enough to recognise, not enough to use."""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:2]}***@{domain}"
    return f"{address[:3]}****{address[-4:]}" if len(address) >= 9 else address


def party_words(record: Mapping[str, str]) -> Why:
    """The words of a party that was written by `Party.to_record`; raises ValueError on an unknown kind."""
    return Party(
        PartyKind(record["kind"]), record["id"], record["name"], notifier="", keeper=record.get("keeper", "")
    ).words


_KINDS: dict[PartyKind, Why] = {
    PartyKind.SHOP: Why("商户", "the shop"),
    PartyKind.BIKE_OPERATOR: Why("单车运营企业", "the bike operator"),
    PartyKind.DEPARTMENT: Why("责任部门", "the responsible department"),
    PartyKind.NOTIFIER: Why("固定联系人", "the fixed contact"),
}
