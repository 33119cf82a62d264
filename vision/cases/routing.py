"""Which platforms a case goes to, by district and type."""

from collections.abc import Sequence
from dataclasses import dataclass

from vision.core.findings import ViolationType


@dataclass(frozen=True, slots=True)
class Route:
    """Platforms of the cases that fit; empty `districts` or `types` fit all."""

    platforms: tuple[str, ...]
    districts: frozenset[str] = frozenset()
    types: frozenset[ViolationType] = frozenset()

    def fits(self, type_: ViolationType, district: str) -> bool:
        return (not self.districts or district in self.districts) and (not self.types or type_ in self.types)


def route(routes: Sequence[Route], type_: ViolationType, district: str) -> list[str]:
    """Platform ids, each once, in the order of the routes; empty when no route fits."""
    found = [name for one in routes if one.fits(type_, district) for name in one.platforms]
    return list(dict.fromkeys(found))
