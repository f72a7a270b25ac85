"""Carries out what was proposed, unless the installation is no longer what it was then."""

from collections.abc import Sequence

from lychgate.config.resource_file import ResourceFile
from lychgate.files.proposal import Proposal, Terms, propose
from lychgate.files.stock import Stock
from lychgate.store.base import Actor, Catalogue, Edit, Stale, Store

ACTOR = Actor("lychgate apply", "cli")


def carry_out(
    proposal: Proposal, file: ResourceFile, seen: Stock, terms: Terms, store: Store
) -> int:
    """Make the changes in one transaction; the revision afterwards.

    `seen` is what the proposal was made from. Raises Stale when somebody changed anything that
    would make it another one.
    """

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        if catalogue.revision != seen.revision:
            again = propose(file, Stock.inside(catalogue), terms)
            if again.changes != proposal.changes:
                raise Stale(
                    "somebody changed what this would change, after it was shown",
                    "run it again to see the difference as it is now",
                )
        return proposal.edits

    return store.change(ACTOR, plan)
