"""Authorities of client certificates, and how certificates are treated on each host."""

from collections.abc import Mapping, Sequence
from typing import Any

from lychgate.admin.answers import Answer, done
from lychgate.admin.calls import Call, Office, shown_time
from lychgate.admin.handler import handler
from lychgate.admin.refusals import conflict, invalid
from lychgate.admin.resource import Body, Prepared, Resource, Wish, each, times
from lychgate.admin.scopes import Area
from lychgate.admin.shapes.objects import CERTIFICATE
from lychgate.admin.shapes.shown import Takes, every
from lychgate.admin.validating import validated
from lychgate.api import parse_body
from lychgate.api.base import wire
from lychgate.api.certificates import CertificateBody
from lychgate.api.kept import CertificateSettingsBody, HostSettingsBody
from lychgate.core.certificates import describe
from lychgate.store.base import Catalogue, Delete, Edit, Kind, Object, Put

_SETTINGS_ID = "certificates"
_HIDDEN = ("certificate", "crl")


def _show(stored: Object) -> Body:
    body = {name: value for name, value in stored.body.items() if name not in _HIDDEN}
    found = describe(str(stored.body["certificate"]))
    described = (
        {}
        if found is None
        else {"fingerprint": found.fingerprint, "expires_on": shown_time(found.expires_at)}
    )
    return {"id": stored.id, "associated_hostnames": [], **body, **described, **times(stored)}


def _prepare(wish: Wish) -> Prepared:
    sent: Mapping[str, Any] = wish.sent
    if wish.before is not None:
        if sent.get("associated_hostnames") is None:
            raise invalid("associated_hostnames is a required field")
        sent = {**wish.before.body, **{k: v for k, v in sent.items() if v is not None}}
    body = wire(parse_body(Kind.CERTIFICATE, sent))
    return Prepared([Put(Kind.CERTIFICATE, wish.id, body)])


def _remove(stored: Object, _catalogue: Catalogue) -> Sequence[Edit]:
    if stored.body.get("associated_hostnames"):
        raise conflict("certificate has active associations")
    return [Delete(Kind.CERTIFICATE, stored.id)]


CERTIFICATES = Resource(
    kind=Kind.CERTIFICATE,
    path="/access/certificates",
    area=Area.CERTIFICATES,
    word="certificates",
    takes=(CertificateBody,),
    gives=(CERTIFICATE,),
    needs=("associated_hostnames",),
    zones=True,
    render=each(_show),
    prepare=_prepare,
    remove=_remove,
)


@handler("list_certificate_settings", every(HostSettingsBody))
def get_settings(_call: Call, office: Office) -> Answer:
    """List how client certificates are treated, host by host."""
    stored = office.store.object(Kind.SETTINGS, _SETTINGS_ID)
    return done([] if stored is None else stored.body["settings"])


@handler("put_certificate_settings", every(HostSettingsBody), Takes((CertificateSettingsBody,)))
def put_settings(call: Call, office: Office) -> Answer:
    """Change how client certificates are treated on the hosts that are named."""
    sent = wire(validated(CertificateSettingsBody, call.members))["settings"]

    def plan(catalogue: Catalogue) -> Sequence[Edit]:
        stored = catalogue.object(Kind.SETTINGS, _SETTINGS_ID)
        before = [] if stored is None else call.may_edit(stored).body["settings"]
        by_host = {one["hostname"]: one for one in (*before, *sent)}
        return [Put(Kind.SETTINGS, _SETTINGS_ID, {"settings": list(by_host.values())})]

    office.change(call, plan)
    return get_settings(call, office)
