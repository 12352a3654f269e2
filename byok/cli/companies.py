"""`byok company`: make, list, and move companies between plans."""

from __future__ import annotations

from typing import Any

import click

from byok.cli.opened import json_option, workbench
from byok.cli.output import echo_json, echo_line, echo_table
from byok.services.accounts import CompanyView


@click.group()
def company() -> None:
    """Companies and their plans."""


@company.command()
@click.argument("slug")
@click.option("--name", help="As people read it; the slug if not given.")
@click.option("--plan", default="free_trial", show_default=True, help="free_trial, basic or pro.")
@json_option
def add(slug: str, name: str | None, plan: str, as_json: bool) -> None:
    """Make the company SLUG, e.g. northwind-labs."""
    with workbench() as bench:
        _show(bench.accounts.add_company(slug=slug, name=name or slug, plan=plan), as_json, verb="Added")


@company.command("list")
@json_option
def list_companies(as_json: bool) -> None:
    """List all companies."""
    with workbench() as bench:
        companies = bench.accounts.companies()
    if as_json:
        echo_json([_json(view) for view in companies])
        return
    rows = [[view.slug, view.name, view.plan.name, view.people, "sample" if view.sample else ""] for view in companies]
    echo_table(
        ["SLUG", "NAME", "PLAN", "PEOPLE", "DATA"], rows, empty="No companies yet. Make one: byok company add SLUG"
    )


@company.command()
@click.argument("slug")
@click.argument("plan")
@json_option
def plan(slug: str, plan: str, as_json: bool) -> None:
    """Move the company SLUG to PLAN: free_trial, basic or pro."""
    with workbench() as bench:
        _show(bench.accounts.set_plan(slug, plan), as_json, verb="Moved")


def _show(view: CompanyView, as_json: bool, *, verb: str) -> None:
    if as_json:
        echo_json(_json(view))
    else:
        echo_line(f"{verb}: {view.name} ({view.slug}), plan {view.plan.name}.")


def _json(view: CompanyView) -> dict[str, Any]:
    return {
        "id": str(view.id),
        "slug": view.slug,
        "name": view.name,
        "plan": view.plan.id,
        "sample": view.sample,
        "people": view.people,
    }
