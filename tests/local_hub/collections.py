"""Routes of collections: create, list, read, add an item."""

from __future__ import annotations

import secrets
from typing import Any

from tests.local_hub.context import Context, Route
from tests.local_hub.server import Request, Response, json_response
from tests.local_hub.store import Refusal

SLUG = r"/api/collections/(?P<owner>[^/]+)/(?P<slug>[^/]+)"


def create(context: Context, request: Request) -> Response:
    account, wanted = context.require_account(request), request.json()
    _check_owner(context, request, wanted["namespace"])
    slug = f"{wanted['namespace']}/{wanted['title'].lower().replace(' ', '-')}-{secrets.token_hex(12)}"
    context.collections[slug] = {
        "slug": slug,
        "title": wanted["title"],
        "description": wanted.get("description"),
        "owner": {"type": "user", "name": wanted["namespace"]},
        "lastUpdated": context.store.now(),
        "private": wanted["private"],
        "theme": "blue",
        "upvotes": 0,
        "position": 0,
        "items": [],
        "createdBy": account.user,
    }
    return _answer(context.collections[slug])


def listing(context: Context, request: Request) -> Response:
    owners = request.query.get("owner", [])
    found = [each for each in context.collections.values() if not owners or each["owner"]["name"] in owners]
    return json_response([{name: value for name, value in each.items() if name != "position"} for each in found])


def read(context: Context, request: Request) -> Response:
    return _answer(_collection(context, request))


def add_item(context: Context, request: Request) -> Response:
    found, item = _collection(context, request), request.json()["item"]
    _check_owner(context, request, found["owner"]["name"])
    if (item["type"], item["id"]) not in context.store.repos:
        raise Refusal(404, f"there is no {item['type']} {item['id']}")
    if any(each["id"] == item["id"] for each in found["items"]):
        raise Refusal(409, "Item already in collection")
    found["items"].append({"_id": secrets.token_hex(12), **item, "position": len(found["items"])})
    return _answer(found)


def _check_owner(context: Context, request: Request, owner: str) -> None:
    account = context.require_account(request)
    if account.role != "write" or not account.owns(owner):
        raise Refusal(403, f"you have no right to change collections of {owner} with this token")


def _collection(context: Context, request: Request) -> Any:
    slug = f"{request.params['owner']}/{request.params['slug']}"
    if slug not in context.collections:
        raise Refusal(404, "Collection not found")
    return context.collections[slug]


def _answer(collection: Any) -> Response:
    return json_response(collection)


ROUTES: list[Route] = [
    ("POST", "/api/collections", create),
    ("GET", "/api/collections", listing),
    ("GET", SLUG, read),
    ("POST", f"{SLUG}/items", add_item),
]
