"""`byok user`: make, list and disable people who can sign in."""

from __future__ import annotations

from typing import Any

import click

from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import echo_json, echo_table
from byok.cli.typed import read_password
from byok.services.accounts import PersonView, Role


@click.group()
def user() -> None:
    """People who can sign in."""


@user.command()
@click.argument("username")
@company_option
@click.option("--name", help="As others read it; the username if not given.")
@click.option("--role", type=click.Choice(["admin", "member"]), default="member", show_default=True)
@json_option
def add(username: str, slug: str, name: str | None, role: Role, as_json: bool) -> None:
    """Make a person. The password is asked for, or read from standard input."""
    password = read_password()
    with workbench() as bench:
        person = bench.accounts.add_person(
            company=slug, username=username, name=name or username, role=role, password=password
        )
    if as_json:
        echo_json(_json(person))
    else:
        click.echo(f"Added: {person.username}, {person.role} of {slug}.")


@user.command("list")
@company_option
@json_option
def list_people(slug: str, as_json: bool) -> None:
    """List a company's people."""
    with workbench() as bench:
        people = bench.accounts.people(slug)
    if as_json:
        echo_json([_json(person) for person in people])
        return
    rows = [[person.username, person.name, person.role, "disabled" if person.disabled else ""] for person in people]
    echo_table(["USERNAME", "NAME", "ROLE", "STATE"], rows, empty="Nobody yet. Make someone: byok user add USERNAME")


@user.command()
@click.argument("username")
@json_option
def disable(username: str, as_json: bool) -> None:
    """Shut a person out: every session ends at once."""
    with workbench() as bench:
        person = bench.accounts.disable(username)
    if as_json:
        echo_json(_json(person))
    else:
        click.echo(f"Disabled: {person.username}.")


def _json(person: PersonView) -> dict[str, Any]:
    return {
        "id": str(person.id),
        "username": person.username,
        "name": person.name,
        "role": person.role,
        "disabled": person.disabled,
    }
