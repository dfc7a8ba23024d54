"""Executions, read: one of them, or a page of a list, in the form that was asked for."""

from kronstream.ports import Execution, Listing
from kronstream.runsapi.names import API_VERSION, KIND
from kronstream.runsapi.objects import Object, execution, metadata, version_at
from kronstream.runsapi.refusal import not_found
from kronstream.runsapi.table import row, table
from kronstream.runsapi.token import Token
from kronstream.runsapi.walk import Page, Walk
from kronstream.runsapi.wish import Form, Wish

MOST, MOST_WHOLE = 1_000, 100
"""On a page; a whole execution may have 150 KB."""
ALL, ALL_WHOLE = 5_000, 500
"""Without a limit; then whoever asked may not look at `continue`."""


class Reading:
    """Reads for every caller; whether he may was asked by kube-apiserver."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    async def get(self, namespace: str, name: str, form: Form, include: str) -> Object:
        """One execution. Raises Refusal."""
        record = await self.record(namespace, name)
        if form is Form.TABLE:
            now = await self._listing.now()
            return table([row(record, now, include)], {"resourceVersion": metadata(record)["resourceVersion"]})
        if form is Form.METADATA:
            return partial(record)
        return execution(record)

    async def record(self, namespace: str, name: str) -> Execution:
        """The record behind a name. Raises Refusal."""
        (record,) = await self._listing.read([name], whole=True)
        if record is None or record.namespace != namespace:
            raise not_found(name)
        return record

    async def list(self, wish: Wish) -> tuple[Object, bool]:
        """A page, and whether it was cut though no limit was asked for. Raises Refusal."""
        token = Token.read(wish.token, wish.scope.namespace) if wish.token else None
        most, everything = (MOST_WHOLE, ALL_WHOLE) if wish.whole else (MOST, ALL)
        limit = min(wish.limit, most) if wish.limit else everything
        page = await Walk(self._listing, wish.scope, limit, whole=wish.whole).page(token)
        return listed(page, wish), page.token is not None and not wish.limit


def listed(page: Page, wish: Wish) -> Object:
    """A page in the form that was asked for."""
    meta: Object = {"resourceVersion": str(version_at(page.now))}
    if page.token is not None:
        meta["continue"] = page.token.text()
    if wish.form is Form.TABLE:
        return table([row(record, page.now, wish.include) for record in page.records], meta)
    if wish.form is Form.METADATA:
        items = [partial(record) for record in page.records]
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": meta,
            "items": items,
        }
    items = [execution(record) for record in page.records]
    return {"kind": f"{KIND}List", "apiVersion": API_VERSION, "metadata": meta, "items": items}


def partial(record: Execution) -> Object:
    """The metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata(record)}
