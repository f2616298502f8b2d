"""From the packs of `lifeline.yaml` to rules in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...configuration import Site
from ...rule import Rule
from ..document import Document
from ..problems import Problems
from .library import Library
from .takes import takes_of
from .taking import Taken, Taking

if TYPE_CHECKING:
    from ..models import LifelineFile
    from ..rules_loading import RuleLoader


def read_packs(
    model: LifelineFile,
    document: Document,
    sites: Sequence[Site],
    places: Mapping[str, int],
    loader: RuleLoader,
    problems: Problems,
) -> None:
    """Read every pack that is taken into the loader; `places` are the sites' positions in the file."""
    if not model.packs and not any(site.packs for site in model.sites):
        return
    at = {site.id: site for site in sites}
    own = [
        (at[site.id], ("sites", places[site.id]), site.packs)
        for site in model.sites
        if site.packs and site.id in at
    ]
    takes = takes_of(model.packs, own, sites, document, problems)
    library = Library(document.path.parent, problems)
    for taken in Taking(document, library, loader.selector, problems).rules(takes):
        load(taken, loader)


def load(taken: Taken, loader: RuleLoader) -> None:
    """Read the rules of one take; what it leaves out is in the configuration without a judgement."""
    from ..written_rules import Written

    for i, value in enumerate(taken.document.value):
        pack = str(value["id"]).rpartition(".")[0]
        loader.read(Written(taken.document, (i,), pack))
    for left in taken.left_out:
        loader.rules.append(Rule(left.id, left.kind, left.select, (), left.basis))
