"""`byok user`: make and list people, shut them out and let them in, give a role, give a link for a new password."""

from __future__ import annotations

from typing import Any

import click

from byok.cli.opened import company_option, json_option, workbench
from byok.cli.output import day_and_time, echo_json, echo_line, echo_table
from byok.cli.typed import read_password
from byok.ground.settings import is_web_address
from byok.services.accounts import PersonView, Role


def _address(context: click.Context, option: click.Parameter, url: str) -> str:
    """The workbench's address, without a slash at its end."""
    if not is_web_address(url):
        raise click.BadParameter("is no address of a web page, e.g. https://workbench.example")
    return url.rstrip("/")


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
    _tell(person, f"Added: {person.username}, {person.role} of {slug}.", as_json=as_json)


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
    rows = [
        [person.username, person.name, person.role, "" if person.state == "active" else person.state]
        for person in people
    ]
    echo_table(["USERNAME", "NAME", "ROLE", "STATE"], rows, empty="Nobody yet. Make someone: byok user add USERNAME")


@user.command()
@click.argument("username")
@json_option
def disable(username: str, as_json: bool) -> None:
    """Shut a person out: every session ends at once."""
    with workbench() as bench:
        person = bench.accounts.disable(username)
    _tell(person, f"Disabled: {person.username}.", as_json=as_json)


@user.command()
@click.argument("username")
@json_option
def enable(username: str, as_json: bool) -> None:
    """Let a disabled person sign in again."""
    with workbench() as bench:
        person = bench.accounts.enable(username)
    _tell(person, f"Enabled: {person.username}.", as_json=as_json)


@user.command()
@click.argument("username")
@click.argument("role", type=click.Choice(["admin", "member"]))
@json_option
def role(username: str, role: Role, as_json: bool) -> None:
    """Make a person admin or member, from the next click on."""
    with workbench() as bench:
        person = bench.accounts.set_role(username, role)
    _tell(person, f"Now {person.role}: {person.username}.", as_json=as_json)


@user.command()
@click.argument("username")
@click.option(
    "--url", default="http://localhost:8501", show_default=True, callback=_address, help="The workbench's address."
)
@json_option
def reset(username: str, url: str, as_json: bool) -> None:
    """Take a person's password away and print a link, for 72 hours, by which a new one is chosen once."""
    with workbench() as bench:
        person, link = bench.accounts.reset(username)
    address = url + link.path
    if as_json:
        echo_json({**_json(person), "link": address, "expires_at": link.expires_at.isoformat()})
    else:
        click.echo(address)
        echo_line(f"Send it to {person.username}: it works once, until {day_and_time(link.expires_at)}.", err=True)


def _tell(person: PersonView, done: str, *, as_json: bool) -> None:
    """The person, or the line that says what was done."""
    if as_json:
        echo_json(_json(person))
    else:
        echo_line(done)


def _json(person: PersonView) -> dict[str, Any]:
    return {
        "id": str(person.id),
        "username": person.username,
        "name": person.name,
        "role": person.role,
        "disabled": person.disabled,
        "state": person.state,
        "seen_at": person.seen_at.isoformat() if person.seen_at else None,
    }
