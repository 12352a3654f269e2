"""The routes that set and clear the session cookie, refusing what another site sent, and one that says whose it is."""

from __future__ import annotations

import json
import secrets

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from byok.services.throttle import KNOWN_FOR
from web.house import COOKIE, PLACE, house, workbench
from web.own_routes import address_of, from_elsewhere, from_here, reader, refused

BODY_LIMIT = 4096


def _secure(request: Request) -> bool:
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


async def open_session(request: Request) -> Response:
    """Trades a one-time ticket for a session: `POST {"ticket": "..."}` -> 204 with the cookie, else 403.

    The session of the cookie that came with it ends: nobody goes on under a token that was there before.
    """
    if not from_here(request):
        return refused()
    body = b""
    async for part in request.stream():  # counted as it comes: whoever sends it is nobody yet
        body += part
        if len(body) > BODY_LIMIT:
            return JSONResponse({"error": "too large"}, 413)
    try:
        ticket = str(json.loads(body)["ticket"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return JSONResponse({"error": "no ticket"}, 400)
    place = request.cookies.get(PLACE) or secrets.token_urlsafe(32)
    signed_in = await run_in_threadpool(
        workbench().sessions.redeem,
        ticket,
        instead_of=request.cookies.get(COOKIE),
        address=address_of(request),
        place=place,
    )
    if signed_in is None:
        return JSONResponse({"error": "this ticket is used up"}, 403)
    response, until = Response(status_code=204), signed_in.expires_at
    for name, value, expires in ((COOKIE, signed_in.token, until), (PLACE, place, until + KNOWN_FOR)):
        response.set_cookie(name, value, expires=expires, httponly=True, samesite="strict", secure=_secure(request))
    return response


async def whose_session(request: Request) -> Response:
    """Who is behind the cookie now, and which process says so: `{"person": "<id>", "process": "..."}`; null for nobody.

    By it a tab notices that it is out of date.
    """
    if from_elsewhere(request):
        return refused()
    found = await reader(request)
    person = str(found[1].actor.person_id) if found else None
    return JSONResponse({"person": person, "process": house().mark}, headers={"cache-control": "no-store"})


async def close_session(request: Request) -> Response:
    """Ends the session in the database and clears the cookie: 204."""
    if not from_here(request):
        return refused()
    token = request.cookies.get(COOKIE)
    if token:
        await run_in_threadpool(workbench().sessions.end, token, address=address_of(request))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_secure(request))
    return response


ROUTES = [
    Route("/app/session", open_session, methods=["POST"]),
    Route("/app/session", whose_session, methods=["GET"]),
    Route("/app/sign-out", close_session, methods=["POST"]),
]
