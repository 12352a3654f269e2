"""`byok key`: add, test, list and delete own keys. The key comes from standard input; no command ever prints one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from byok.cli.opened import company_option, find_key, json_option, workbench
from byok.cli.output import DASH, day_and_time, echo_json, echo_line, echo_table
from byok.cli.rebind import rebind
from byok.cli.typed import read_key
from byok.core.wire import Finding
from byok.ground.errors import ByokError
from byok.services.key_views import DraftView, KeyView

if TYPE_CHECKING:
    from uuid import UUID

    from byok.process import Workbench
    from byok.services.access import Actor


@click.group()
def key() -> None:
    """A company's own provider keys."""


key.add_command(rebind)


@key.command()
@click.option("--provider", "provider_id", metavar="P", help="Test the key on standard input with this provider.")
@click.option("--company", "slug", metavar="SLUG", help="Whose saved key to test.")
@click.argument("which", required=False, metavar="[KEY]")
@json_option
def test(provider_id: str | None, slug: str | None, which: str | None, as_json: bool) -> None:
    """Test a key: one on standard input (--provider P), or a saved one by id or label (--company C KEY)."""
    saved = slug is not None and which is not None and provider_id is None
    if not saved and (provider_id is None or slug is not None or which is not None):
        raise click.UsageError("Give --provider P with the key on standard input, or --company C with a saved key.")
    with workbench() as bench:
        if provider_id is not None:
            finding = bench.key_check.check(provider_id=provider_id, pasted=read_key())
        else:
            actor = bench.accounts.company(str(slug)).operator
            finding = bench.keys.test(actor, find_key(bench, actor, str(which)).id)
    if as_json:
        echo_json(_finding(finding))
    else:
        _say(finding)
    if finding.verdict == "rejected":
        raise ByokError(finding.detail, next_step=finding.next_step)
    if finding.unproven:
        raise ByokError(f"Not proven: {finding.detail}", next_step=finding.next_step)


@key.command()
@company_option
@click.option("--provider", "provider_id", required=True, metavar="P", help="The provider's id, e.g. openai.")
@click.option("--label", default="", help="What to call the key; made up if not given.")
@click.option("--untested", is_flag=True, help="Save without a test.")
@json_option
def add(slug: str, provider_id: str, label: str, untested: bool, as_json: bool) -> None:
    """Test the key on standard input and save it. A key that the provider rejects is not saved."""
    pasted = read_key()
    with workbench() as bench:
        actor = bench.accounts.company(slug).operator
        draft = bench.keys.draft(actor, provider_id=provider_id, pasted=pasted)
        try:
            if not untested:
                _prove(bench, actor, draft.id)
            view = bench.keys.save_draft(actor, draft.id, label=label, untested=untested)
        except BaseException:
            with contextlib.suppress(ByokError):
                bench.keys.discard_draft(actor, draft.id)  # a key that was not saved leaves nothing behind
            raise
        if view.chat and view.models_open is None:
            # The list is fetched in the background, which ends with this command: so it is waited for.
            with contextlib.suppress(ByokError):
                bench.models.refresh(actor, view.id)
    for warning in _warnings(draft):
        echo_line(f"byok: {warning}", err=True)
    if as_json:
        echo_json(_key(view))
    else:
        echo_line(f"Saved: {view.provider_name} …{view.hint} as “{view.label}” ({view.status}).")


@key.command("list")
@company_option
@json_option
def list_keys(slug: str, as_json: bool) -> None:
    """List a company's keys, without the keys."""
    with workbench() as bench:
        views = bench.keys.list(bench.accounts.company(slug).operator)
    if as_json:
        echo_json([_key(view) for view in views])
        return
    rows = [
        [
            str(view.id),
            view.provider_name,
            view.label,
            f"…{view.hint}",
            view.status,
            "default" if view.is_default else "spare",
            view.models_open,
            day_and_time(view.tested_at),
            day_and_time(view.last_used_at),
        ]
        for view in views
    ]
    echo_table(
        ["ID", "PROVIDER", "LABEL", "KEY", "STATUS", "USE", "MODELS", "TESTED", "LAST USED"],
        rows,
        empty=f"No keys yet. Add one: byok key add --company {slug} --provider P < key",
    )


@key.command()
@company_option
@click.argument("which", metavar="KEY")
@json_option
def delete(slug: str, which: str, as_json: bool) -> None:
    """Delete the key with this id or label. Says which chatbots lose their model."""
    with workbench() as bench:
        actor = bench.accounts.company(slug).operator
        view = find_key(bench, actor, which)
        chatbots = bench.keys.used_by(actor, view.id)
        done = bench.keys.delete(actor, view.id)
    if as_json:
        echo_json({"id": str(view.id), "erased": done.erased, "chatbots": chatbots})
    else:
        echo_line(f"Deleted: {view.provider_name} …{view.hint} “{view.label}”.")
    if chatbots:
        echo_line(f"byok: without a model now: {', '.join(chatbots)}", err=True)
    if not done.erased:
        click.echo("byok: another process is reading; the app, or the next command, erases the bytes.", err=True)


def _prove(bench: Workbench, actor: Actor, draft_id: UUID) -> None:
    finding = bench.keys.test_draft(actor, draft_id)
    if finding.undecided:
        raise ByokError(
            f"The key could not be proven: {finding.detail}",
            next_step="Try again, or save it as it is with --untested.",
        )


def _warnings(draft: DraftView) -> Iterator[str]:
    if draft.warning:
        yield draft.warning
    if draft.looks_like:
        yield f"this looks like a key of {draft.looks_like}."
    if draft.duplicate_of:
        yield f"this is the same key as “{draft.duplicate_of}”."


def _say(finding: Finding) -> None:
    echo_line(f"{finding.verdict.replace('_', ' ')}: {finding.detail}")
    echo_line(f"Proof: {finding.proof or DASH} in {finding.elapsed_ms:,} ms")
    if finding.request_id:
        echo_line(f"Request id: {finding.request_id}")
    if finding.not_proven:
        echo_line(f"Not proven: {finding.not_proven}")
    if finding.next_step:
        echo_line(f"Next: {finding.next_step} {finding.link or ''}".rstrip())
    if finding.models is not None:
        click.echo(f"Chat models: {len(finding.models):,}")


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "verdict": finding.verdict,
        "detail": finding.detail,
        "proof": finding.proof,
        "not_proven": finding.not_proven,
        "models": None if finding.models is None else len(finding.models),
        "next_step": finding.next_step,
        "link": finding.link,
        "request_id": finding.request_id,
        "elapsed_ms": finding.elapsed_ms,
    }


def _key(view: KeyView) -> dict[str, Any]:
    moments = {"created_at": view.created_at, "tested_at": view.tested_at, "last_used_at": view.last_used_at}
    return {
        "id": str(view.id),
        "provider": view.provider_id,
        "label": view.label,
        "hint": view.hint,
        "verdict": view.verdict,
        "status": view.status,
        "default": view.is_default,
        "readable": view.readable,
        "models": view.models_open,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
