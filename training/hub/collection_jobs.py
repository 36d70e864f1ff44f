"""The worker's job on a collection: creates it if it is missing, and adds models."""

from __future__ import annotations

from huggingface_hub import Collection, HfApi

from .calls import call
from .jobs import Collect, CollectionPage


def collect(job: Collect) -> CollectionPage:
    """Adds models to the collection of this title, which is created if the user has none; returns its page."""
    api, what = HfApi(), f"collecting the models of {job.repo}"
    found = call(what, lambda: _with_title(api, job.repo, job.title))
    if found is None:
        found = call(what, lambda: api.create_collection(job.title, namespace=job.repo, description=job.description))
    for model in job.models:
        call(what, lambda: api.add_collection_item(found.slug, model, "model", exists_ok=True))  # noqa: B023
    return CollectionPage(found.url)


def _with_title(api: HfApi, user: str, title: str) -> Collection | None:
    """Returns the user's collection with a title, or None. Without this check the Hub creates a second one."""
    return next((each for each in api.list_collections(owner=user) if each.title == title), None)
