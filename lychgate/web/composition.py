"""Builds the services of a companion process from its runtime."""

import secrets
import time

from lychgate.geo import Countries
from lychgate.idp import LoginMethods
from lychgate.oauth.documents import Documents
from lychgate.outbound import Outbound
from lychgate.settings import Settings
from lychgate.store.base import Clock, Store
from lychgate.web.evaluations import Evaluations
from lychgate.web.issuers import Issuers
from lychgate.web.limits import Limiter, count_everywhere, count_here
from lychgate.web.metrics import Metrics
from lychgate.web.services import Follower, Post, Services


def services_of(
    settings: Settings,
    store: Store,
    feed: Follower,
    countries: Countries,
    clock: Clock,
    post: Post,
    metrics: Metrics,
) -> Services:
    """The services over what a runtime has opened."""
    count = count_everywhere(store.visits, clock) if settings.many_nodes else count_here()
    return Services(
        settings=settings,
        store=store,
        feed=feed,
        clock=clock,
        random=secrets.token_bytes,
        wait=time.sleep,
        methods=LoginMethods(),
        issuers=Issuers(store.issuers),
        evaluations=Evaluations(),
        documents=Documents(),
        outbound=Outbound(settings.outbound_allow),
        post=post,
        limiter=Limiter(settings.limits, count),
        metrics=metrics,
        country=countries.country,
    )
